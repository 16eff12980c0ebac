import { streamIdWords, type IdWords, type StreamId } from './stream-id.ts';

/** An entry of the table: the id's words, and a place for the table's own use. */
export interface TableEntry<Self> extends IdWords {
  nextInBucket: Self | undefined;
}

/**
 * Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): halves of words, each times a
 * random factor of 32 bits, summed modulo 2^32; the upper 17 bits of the sum are the bucket. Because the factors are random
 * for each process, any two ids share a bucket with a probability of 2^-17, whichever ids a peer picks. It is what makes
 * a frame cheap for a peer that picks its ids to share buckets, so simpler mixtures don't do: ids that differ in the top bits of
 * their words only share few buckets under any sum of products alone.
 */
const FACTORS = Int32Array.from({ length: 9 }, () => Math.random() * 2 ** 32);
const BUCKET_SHIFT = 32 - 17;

/**
 * The live streams by id. A frame's four words are compared as numbers, so that no text is made for a frame, and finding
 * costs the same however many there are.
 */
export class StreamTable<Entry extends TableEntry<Entry>> {
  readonly #buckets = new Map<number, Entry>();
  /** The one that was found last: frames of a stream often follow each other. */
  #last: Entry | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** All entries, as a list that stays as it is while streams end. */
  values(): Entry[] {
    const entries: Entry[] = [];
    for (const first of this.#buckets.values()) {
      for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.nextInBucket) {
        entries.push(entry);
      }
    }
    return entries;
  }

  /** Adds an entry whose id isn't there. */
  add(entry: Entry): void {
    const key = bucketOf(entry);
    entry.nextInBucket = this.#buckets.get(key);
    this.#buckets.set(key, entry);
    this.#size++;
  }

  /** Removes exactly this entry, if it is there; a newer one with the same id stays. */
  delete(entry: Entry): void {
    const key = bucketOf(entry);
    const first = this.#buckets.get(key);
    if (first === entry) {
      if (entry.nextInBucket === undefined) this.#buckets.delete(key);
      else this.#buckets.set(key, entry.nextInBucket);
    } else {
      let before = first;
      while (before !== undefined && before.nextInBucket !== entry) before = before.nextInBucket;
      if (before === undefined) return;
      before.nextInBucket = entry.nextInBucket;
    }
    entry.nextInBucket = undefined;
    if (this.#last === entry) this.#last = undefined;
    this.#size--;
  }

  get(id: StreamId): Entry | undefined {
    const [id0, id1, id2, id3] = streamIdWords(id);
    return this.find({ id0, id1, id2, id3 });
  }

  find(id: IdWords): Entry | undefined {
    if (this.#last !== undefined && sameId(this.#last, id)) return this.#last;
    let entry = this.#buckets.get(bucketOf(id));
    while (entry !== undefined && !sameId(entry, id)) entry = entry.nextInBucket;
    this.#last = entry;
    return entry;
  }
}

function bucketOf({ id0, id1, id2, id3 }: IdWords): number {
  const sum =
    FACTORS[8]! +
    Math.imul(id0 & 0xffff, FACTORS[0]!) +
    Math.imul(id0 >>> 16, FACTORS[1]!) +
    Math.imul(id1 & 0xffff, FACTORS[2]!) +
    Math.imul(id1 >>> 16, FACTORS[3]!) +
    Math.imul(id2 & 0xffff, FACTORS[4]!) +
    Math.imul(id2 >>> 16, FACTORS[5]!) +
    Math.imul(id3 & 0xffff, FACTORS[6]!) +
    Math.imul(id3 >>> 16, FACTORS[7]!);
  return sum >>> BUCKET_SHIFT;
}

function sameId(a: IdWords, b: IdWords): boolean {
  return a.id3 === b.id3 && a.id2 === b.id2 && a.id1 === b.id1 && a.id0 === b.id0;
}
