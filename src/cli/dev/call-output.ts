import { MAX_OUTPUT_BYTES, type OutputPart } from '../../live/page.ts';

/** Bytes that one answer carries; the page asks for the next. */
const PART_BYTES = 512 << 10;
/** Frames that are kept, since each costs memory of its own. */
const MAX_FRAMES = 50_000;

/** The output of a call, up to a bound. */
export class CallOutput {
  readonly #frames: { readonly ms: number; readonly data: Uint8Array }[] = [];
  #bytes = 0;
  isCut = false;

  get frames(): number {
    return this.#frames.length;
  }

  /** @param ms since the call began */
  add(data: Uint8Array, ms: number): void {
    if (this.isCut || this.#frames.length >= MAX_FRAMES || this.#bytes + data.length > MAX_OUTPUT_BYTES) {
      // What is behind a gap would be taken for what follows.
      this.isCut = true;
      return;
    }
    this.#bytes += data.length;
    // Small payloads are views of a whole read.
    this.#frames.push({ ms, data: data.slice() });
  }

  /** The frames from number `from`, as many as fit an answer. */
  part(from: number): OutputPart {
    let next = from;
    const frames: { readonly ms: number; readonly base64: string }[] = [];
    for (let bytes = 0; bytes < PART_BYTES; next++) {
      const frame = this.#frames[next];
      if (frame === undefined) break;
      bytes += frame.data.length + 64;
      frames.push({ ms: frame.ms, base64: Buffer.from(frame.data).toString('base64') });
    }
    return { frames, next };
  }

  /** All that is kept. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#frames.map(({ data }) => data));
  }
}
