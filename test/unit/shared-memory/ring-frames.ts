import type { WireSink } from '../../../src/main/output/sink.ts';

/** Size, ring, number and a check word: four UInt32. */
const HEADER = 16;

/**
 * A frame whose every byte follows from who sent it and which one it is, so that a torn, doubled or misplaced byte shows.
 *
 * @param size in bytes, a multiple of 8 and at least 16
 */
export function makeFrame(ring: number, number: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new Uint32Array(bytes.buffer, 0, 4).set([size, ring, number, checkOf(ring, number, size)]);
  for (let i = HEADER; i < size; i++) bytes[i] = byteAt(ring, number, i);
  return bytes;
}

function checkOf(ring: number, number: number, size: number): number {
  return (Math.imul(ring + 1, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca77) ^ size) >>> 0;
}

function byteAt(ring: number, number: number, i: number): number {
  return (ring * 101 + number * 31 + i * 7 + 13) & 255;
}

export interface SeenFrame {
  readonly ring: number;
  readonly number: number;
  readonly size: number;
}

/** Takes a wire apart again. @throws Error at the first byte that belongs to no whole frame */
export function readFrames(wire: Uint8Array): SeenFrame[] {
  const frames: SeenFrame[] = [];
  const view = new DataView(wire.buffer, wire.byteOffset, wire.byteLength);
  for (let at = 0; at < wire.length;) {
    if (at + HEADER > wire.length) throw new Error(`the wire ends inside a header at ${at}`);
    const [size, ring, number, check] = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
      number,
    ];
    if (check !== checkOf(ring, number, size)) throw new Error(`no frame begins at byte ${at}`);
    if (at + size > wire.length) throw new Error(`the wire ends inside frame ${number} of ring ${ring}`);
    for (let i = HEADER; i < size; i++) {
      if (wire[at + i] !== byteAt(ring, number, i))
        throw new Error(`frame ${number} of ring ${ring} is torn at ${i}`);
    }
    frames.push({ ring, number, size });
    at += size;
  }
  return frames;
}

/** The protocol's output in memory: shows what was written, and writes when it is told to. */
export class MemorySink implements WireSink {
  readonly #chunks: Uint8Array[] = [];
  /** While true, a write stays under way until {@link finish}. */
  isSlow = false;
  #done: ((error?: Error) => void) | undefined;

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    if (this.#done !== undefined) throw new Error('a write began while another was under way');
    if (!this.isSlow) {
      this.#chunks.push(bytes.slice());
      return done();
    }
    this.#done = (error) => {
      // Taken at the end: bytes that change under a write would show.
      if (error === undefined) this.#chunks.push(bytes.slice());
      done(error);
    };
  }

  get isWriting(): boolean {
    return this.#done !== undefined;
  }

  /** The write that is under way ends, well or not. */
  finish(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    if (done === undefined) throw new Error('no write is under way');
    done(error);
  }

  /** What a worker wrote itself. */
  append(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice());
  }

  /** Everything that is on the wire; empties it. */
  take(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#chunks.splice(0)));
  }
}
