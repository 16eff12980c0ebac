/** First in, first out, in constant time: `Array.shift` copies the rest, which a window of small frames would feel. */
export class ChunkQueue {
  #chunks: (Uint8Array | undefined)[] = [];
  #head = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    this.#chunks[this.#head++] = undefined;
    if (this.#head === this.#chunks.length) this.clear();
    else if (this.#head >= 1024 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
    return chunk;
  }

  clear(): void {
    this.#chunks = [];
    this.#head = 0;
  }
}
