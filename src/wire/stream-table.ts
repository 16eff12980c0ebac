import { streamIdWords, type IdWords, type StreamId } from './stream-id.ts';

/** What a table holds: the id's words, and a place for the table's own use. */
export interface TableEntry<Self> extends IdWords {
  nextInBucket: Self | undefined;
}

/**
 * Differs from process to process, so that ids which were picked for one process share buckets no more than others do in the next.
 * It does not stop a peer that picks ids to share a bucket by their structure: the top bit of a word passes through the
 * multiplication alone. A peer can only slow down its own connection so.
 */
const SEED = Int32Array.from({ length: 4 }, () => Math.random() * 2 ** 32);
/** Odd, so that ids which differ in one word only never share one. */
const FACTOR = Int32Array.of(0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f);

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
    const key = bucketKey(entry);
    entry.nextInBucket = this.#buckets.get(key);
    this.#buckets.set(key, entry);
    this.#size++;
  }

  /** Removes exactly this entry, if it is there; a newer one with the same id stays. */
  delete(entry: Entry): void {
    const key = bucketKey(entry);
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
    let entry = this.#buckets.get(bucketKey(id));
    while (entry !== undefined && !sameId(entry, id)) entry = entry.nextInBucket;
    this.#last = entry;
    return entry;
  }
}

function bucketKey({ id0, id1, id2, id3 }: IdWords): number {
  return (
    Math.imul(id0 ^ SEED[0]!, FACTOR[0]!) ^
    Math.imul(id1 ^ SEED[1]!, FACTOR[1]!) ^
    Math.imul(id2 ^ SEED[2]!, FACTOR[2]!) ^
    Math.imul(id3 ^ SEED[3]!, FACTOR[3]!)
  );
}

function sameId(a: IdWords, b: IdWords): boolean {
  return a.id3 === b.id3 && a.id2 === b.id2 && a.id1 === b.id1 && a.id0 === b.id0;
}
