import { uninitialised } from '../../base/buffers.ts';
import type { Transport } from './transport.ts';

/** A batch of so many bytes goes out without waiting for the end of the turn. A longer message is written alone. */
const BATCH_BYTES = 65_536;
/** Bytes of a slab, which holds several batches, so that the unused rest at its end is relatively small. */
const SLAB_BYTES = 4 * BATCH_BYTES;
/** Memory of large messages that is kept at most, for those to come. */
const KEPT_BYTES = 4 << 20;

/**
 * Gathers the messages of one turn of the event loop into few writes on the transport.
 *
 * Every byte is copied once, so the caller keeps its buffers. A slab is filled from front to back over many batches and then
 * replaced, never reused: the transport may hold parts of it for as long as it likes. A large message has memory of its own, which
 * is used again once the transport says that it has taken it: to allocate it anew for each makes V8 collect all of a larger heap
 * up to 20 times a second, and takes half of the host's time. Ahead of each batch lie the bytes that {@link Transport.headroom} asks for.
 */
export class WriteBatch {
  readonly #transport: Transport;
  readonly #headroom: number;
  #slab = uninitialised(SLAB_BYTES);
  /** The batch is `#slab[#start, #end)`, its headroom counted in. */
  #start = 0;
  #end: number;
  #scheduled = false;
  /** Memory of large messages that the transport has taken. */
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Whether the transport asked for a pause. Control frames still go out then, but Data waits. */
  clogged = false;

  readonly #flushAfterTick = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  // nextTick from a microtask runs when the microtask queue is empty, so a chain of awaited sends lands in one batch.
  readonly #flushAfterMicrotasks = (): void => {
    process.nextTick(this.#flushAfterTick);
  };

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#headroom = transport.headroom ?? 0;
    this.#end = this.#headroom;
  }

  /** Appends the `length` bytes of one message: `head`, then the `bodyLength` bytes of `body`, then zeros as padding. */
  append(length: number, head: Uint8Array, body?: Uint8Array, bodyLength = body?.length ?? 0): void {
    if (length > BATCH_BYTES) {
      this.flush();
      const memory = this.#memoryOf(this.#headroom + length);
      put(memory, this.#headroom, length, head, body, bodyLength);
      this.#write(memory.subarray(0, this.#headroom + length), () => this.#keep(memory));
      return;
    }
    if (length > SLAB_BYTES - this.#end) {
      this.flush();
      this.#slab = uninitialised(SLAB_BYTES);
      this.#start = 0;
      this.#end = this.#headroom;
    }
    put(this.#slab, this.#end, length, head, body, bodyLength);
    this.#end += length;
    if (this.#end - this.#start - this.#headroom >= BATCH_BYTES) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(this.#flushAfterMicrotasks);
    }
  }

  /** Hands the gathered bytes to the transport. */
  flush(): void {
    if (this.#end - this.#start <= this.#headroom) return;
    const batch = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#end += this.#headroom;
    this.#write(batch);
  }

  /** At least `length` bytes. What was kept and is too small is dropped, because larger messages are sent now. */
  #memoryOf(length: number): Uint8Array {
    const kept = this.#kept.pop();
    this.#keptBytes -= kept?.length ?? 0;
    return kept !== undefined && kept.length >= length ? kept : uninitialised(length);
  }

  #keep(memory: Uint8Array): void {
    if (this.#keptBytes + memory.length > KEPT_BYTES) return;
    this.#kept.push(memory);
    this.#keptBytes += memory.length;
  }

  #write(bytes: Uint8Array, onTaken?: () => void): void {
    if (!this.#transport.write(bytes, onTaken)) this.clogged = true;
  }
}

/**
 * Writes all `length` bytes of a message at `at`: `head`, then `body`, then zeros. The properties of `body` are not used, because a
 * caller's class may define them differently.
 */
function put(
  target: Uint8Array,
  at: number,
  length: number,
  head: Uint8Array,
  body: Uint8Array | undefined,
  bodyLength: number,
): void {
  target.set(head, at);
  let used = head.length;
  if (body !== undefined) {
    target.set(body, at + used);
    used += bodyLength;
  }
  for (; used < length; used++) target[at + used] = 0;
}
