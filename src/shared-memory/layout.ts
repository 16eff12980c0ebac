/**
 * The place of each word in the one SharedArrayBuffer that main and the workers share.
 *
 *     global words │ a block per worker slot │ a block per job │ a ring per worker slot
 *
 * A *slot* is one worker thread's part of this memory: its block of words and its ring. A *job* is a running stream or unary
 * request. Words that different threads often write are 64 bytes apart, so that they don't share a cache line. All indices count
 * Int32 words.
 */

/** Words that exist once for the whole process. */
export const GLOBAL = {
  /** The owner of the write lock, who alone may write to the wire: {@link LOCK_FREE}, {@link LOCK_MAIN}, or a slot's number + 1. */
  lock: 0,
  /** 1 while main waits for the lock. The holder then hands the lock over to main instead of releasing it. */
  mainWants: 16,
  /** Slot + 1 of the ring whose frame may be half written when the lock passes to another owner; 0 if there is none. */
  resume: 17,
  /** The system's error number (above 0) once a write has failed for good, for example EPIPE. After that nobody writes again. */
  wireDead: 18,
  /** Number of log lines that were dropped because standard error was full. */
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
  /**
   * The worker's *bell*: 1 from when the worker decides to send the message `bell`, which makes main look at the lock and the
   * rings, until main has handled that message. While it is 1 the worker sends no second one.
   */
  bell: 2,
  /** Bytes of room in its ring that the worker blocks for; 0 if it doesn't block. */
  roomBlockedFor: 3,
  /** The waits and the CPU time of its handlers, see `SlotFigures`. The worker adds to them, main takes them. */
  creditStall: 4,
  ringStall: 7,
  cpu: 10,
  /** Bytes of room that asynchronous senders of the worker wait for: the smallest need of any of them; 0 if none waits. */
  roomAwaited: 11,
  /** Ring position up to which bytes have left the ring. Written by the holder of the lock. */
  head: 16,
  /** Futex word. It changes when room appears, or when a blocked sender must check its cause. */
  space: 17,
  /** 1 once this worker may never write again. Written by main while it holds the lock. */
  revoked: 18,
  /** 1 while the worker, as holder, is between `write` and the store of `head`. */
  intent: 19,
  /** Futex word. It changes when something arrived for the worker, such as input, credit or a cancel. */
  wake: 32,
} as const;
export const SLOT_WORDS = 48;

/** Words of one job, relative to the start of its block. */
export const JOB = {
  /** The cause that ends the job, as its error code's number + 1; 0 while none is decided. Written by main. */
  cause: 0,
  /** Bytes that the module may still send. One frame may take it below 0. Main adds, the worker subtracts. */
  credit: 1,
  /** Bytes granted to the host so far (modulo 2^32). Written by the worker. */
  granted: 2,
  /** 1 once {@link JOB.terminalEnd} is valid. Written by the worker. */
  terminalSet: 3,
  /** Ring position at the end of the terminal frame. The frame is committed once the ring's tail has reached this position. */
  terminalEnd: 4,
  /** 1 while a message that tells of new credit is on its way to the worker. */
  creditTold: 5,
  /** The code of the worker's terminal frame: 0 for a close, else the error code's number + 1. Written by the worker. */
  terminalCode: 6,
} as const;
export const JOB_WORDS = 16;

/**
 * Size of a ring in bytes. It holds at least one Data frame of the largest payload (1 MiB) and the terminal frames after it. It is
 * a power of two, so that positions wrap with a mask.
 */
export const RING_BYTES = 1 << 21;

/**
 * Bytes of a ring that Data may not take. Terminal and credit frames then fit into a ring that is full of Data, so that a cancelled
 * handler whose host doesn't read can still end (15 terminal frames with messages of 4 KiB).
 */
export const RING_RESERVE = 1 << 16;
