import type { IdWords } from '../wire/stream-id.ts';

/** Number of ids that are remembered. */
const REMEMBERED = 1_024;

/** Ids of streams that have ended lately. They only serve to report a late frame as `afterTerminal` and not as `unknownStream`. */
export class EndedIds {
  readonly #words = new Int32Array(4 * REMEMBERED);
  #count = 0;

  add({ id0, id1, id2, id3 }: IdWords): void {
    this.#words.set([id0, id1, id2, id3], 4 * (this.#count++ % REMEMBERED));
  }

  has({ id0, id1, id2, id3 }: IdWords): boolean {
    const words = this.#words;
    const end = 4 * Math.min(this.#count, REMEMBERED);
    for (let at = 0; at < end; at += 4) {
      if (words[at] === id0 && words[at + 1] === id1 && words[at + 2] === id2 && words[at + 3] === id3) {
        return true;
      }
    }
    return false;
  }
}
