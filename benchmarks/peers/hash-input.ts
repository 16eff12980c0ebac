import { createHash } from 'node:crypto';

/** One input of the scopes that hash what is streamed: the same chunk again and again. */
export class HashInput {
  readonly chunk: Uint8Array;
  readonly chunks: number;
  readonly #digest: Buffer;

  constructor(chunkBytes: number, chunks: number) {
    this.chunk = Uint8Array.from({ length: chunkBytes }, (_, index) => index);
    this.chunks = chunks;
    const hash = createHash('sha256');
    for (let chunk = 0; chunk < chunks; chunk++) hash.update(this.chunk);
    this.#digest = hash.digest();
  }

  get bytes(): number {
    return this.chunk.length * this.chunks;
  }

  /** @throws Error for another digest than that of all chunks */
  check(who: string, digest: Uint8Array): void {
    if (!this.#digest.equals(digest)) throw new Error(`${who} hashed something else than it was sent.`);
  }
}
