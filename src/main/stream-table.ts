import { streamIdFromWords, streamIdWords, type StreamId } from '../wire/stream-id.ts';

/** A stream id as four UInt32, the first the most significant: what a frame carries. */
export interface IdWords {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
}

const CACHE_SIZE = 256;

/**
 * The live streams by id. A frame's four words find their entry through a small direct-mapped cache, so that the hot
 * path makes no string; only what misses it is spelled out and looked up.
 */
export class StreamTable<Entry extends { readonly id: StreamId }> {
  readonly #byId = new Map<StreamId, { readonly words: readonly number[]; readonly entry: Entry }>();
  readonly #cache = new Array<{ readonly words: readonly number[]; readonly entry: Entry } | undefined>(
    CACHE_SIZE,
  );

  get size(): number {
    return this.#byId.size;
  }

  values(): Entry[] {
    return Array.from(this.#byId.values(), ({ entry }) => entry);
  }

  add(entry: Entry): void {
    const words = streamIdWords(entry.id);
    const row = { words, entry };
    this.#byId.set(entry.id, row);
    this.#cache[cacheIndex(words[1], words[3])] = row;
  }

  /** Removes exactly this entry; a newer one with the same id stays. */
  delete(entry: Entry): void {
    const row = this.#byId.get(entry.id);
    if (row?.entry !== entry) return;
    this.#byId.delete(entry.id);
    const index = cacheIndex(row.words[1] ?? 0, row.words[3] ?? 0);
    if (this.#cache[index]?.entry === entry) this.#cache[index] = undefined;
  }

  get(id: StreamId): Entry | undefined {
    return this.#byId.get(id)?.entry;
  }

  find({ id0, id1, id2, id3 }: IdWords): Entry | undefined {
    const index = cacheIndex(id1, id3);
    const cached = this.#cache[index];
    if (cached !== undefined) {
      const { words } = cached;
      if (words[3] === id3 && words[2] === id2 && words[1] === id1 && words[0] === id0) return cached.entry;
    }
    const row = this.#byId.get(streamIdFromWords(id0, id1, id2, id3));
    if (row !== undefined) this.#cache[index] = row;
    return row?.entry;
  }
}

function cacheIndex(id1: number, id3: number): number {
  return (id3 ^ id1 ^ (id3 >>> 8)) & (CACHE_SIZE - 1);
}
