/**
 * Where each word lives in the one SharedArrayBuffer that main and the workers share.
 *
 *     global words │ a block per worker slot │ a block per job │ a ring per worker slot
 *
 * A *slot* is the seat of one worker thread; a *job* is a running stream or unary request. Words that different
 * threads write often stand 64 bytes apart, so that they don't share a cache line. All indices count Int32 words.
 */

/** Words that exist once. */
export const GLOBAL = {
  /** Who may write to the wire: {@link LOCK_FREE}, {@link LOCK_MAIN}, or a slot's number + 1. */
  lock: 0,
  /** 1 while main waits for the lock; the holder then hands it over instead of releasing it. */
  mainWants: 16,
  /** Slot + 1 of the ring whose frame is half written while the lock passes to main; 0: none. */
  resume: 17,
  /** The system's number of the error (above 0) once a write failed for good, EPIPE say: nobody writes again. */
  wireDead: 18,
  /** Log lines dropped since standard error was full. */
  droppedLogs: 32,
} as const;
export const GLOBAL_WORDS = 48;

export const LOCK_FREE = 0;
export const LOCK_MAIN = 0x7fff_ffff;

/** Words of one worker slot, relative to the start of its block. */
export const SLOT = {
  /** Ring position (bytes, modulo 2^32) up to which frames are committed. Written by the worker. */
  tail: 0,
  /** Frames committed (modulo 2^32). Written by the worker. */
  frames: 1,
  /** 1 from when the worker decides to ring main's bell until main has heard it. */
  bell: 2,
  /** Bytes of room in its ring that the worker blocks for; 0: it doesn't. */
  roomBlockedFor: 3,
  /** What its handlers waited for and used, see `SlotFigures`: added to by the worker, taken by main. */
  creditStall: 4,
  ringStall: 7,
  cpu: 10,
  /** Bytes of room that asynchronous senders of the worker wait for, the least of them; 0: none does. */
  roomAwaited: 11,
  /** Ring position up to which bytes have left the ring. Written by the holder of the lock. */
  head: 16,
  /** Futex word: changes when room appears, or when a blocked sender must look up. */
  space: 17,
  /** 1: this worker may never write again. Written by main while it holds the lock. */
  revoked: 18,
  /** 1 while the worker, as holder, is between `write` and the store of `head`. */
  intent: 19,
  /** Futex word: changes when something arrived for the worker: input, credit, a cancel. */
  wake: 32,
} as const;
export const SLOT_WORDS = 48;

/** Words of one job, relative to the start of its block. */
export const JOB = {
  /** 0: go on; else the error code's number + 1 of the cause that ends the job. Written by main. */
  cause: 0,
  /** What the module may still send, in bytes; may be negative by one frame. Main adds, the worker subtracts. */
  credit: 1,
  /** Bytes granted to the host so far (modulo 2^32). Written by the worker. */
  granted: 2,
  /** 1 once {@link JOB.terminalEnd} is valid. Written by the worker. */
  terminalSet: 3,
  /** Ring position behind the terminal frame: it is committed once the ring's tail has reached it. */
  terminalEnd: 4,
  /** 1 while a message that tells of new credit is on its way to the worker. */
  creditTold: 5,
  /** What the worker's terminal frame says: 0 for a close, else the error code's number + 1. Written by the worker. */
  terminalCode: 6,
} as const;
export const JOB_WORDS = 16;

/**
 * A ring holds at least one Data frame of the largest payload (1 MiB) and the terminal frames behind it. A power of
 * two, so that positions wrap with a mask.
 */
export const RING_BYTES = 1 << 21;

/**
 * Room that Data may not take: terminal and credit frames fit behind a ring that is full of Data, so that a
 * cancelled handler whose host doesn't read can still end (4 KiB of message, 15 times over).
 */
export const RING_RESERVE = 1 << 16;
