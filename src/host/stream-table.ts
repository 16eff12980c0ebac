import type { LiveStream } from './host-stream.ts';

/** How many ended ids are remembered, only to call a late frame by its right name. */
const REMEMBERED_IDS = 1_024;

/**
 * The live streams by id.
 *
 * A frame's id is four uint32; they are compared as numbers, so that no text is made per frame. The map's key is their
 * exclusive or, a small integer; ids that share it hang in one chain.
 */
export class StreamTable {
  readonly #buckets = new Map<number, LiveStream>();
  readonly #endedIds = new Uint32Array(4 * REMEMBERED_IDS);
  #endedCount = 0;
  #last: LiveStream | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(stream: LiveStream): void {
    const key = bucketKey(stream.id0, stream.id1, stream.id2, stream.id3);
    stream.nextInBucket = this.#buckets.get(key);
    this.#buckets.set(key, stream);
    this.#size += 1;
  }

  find(id0: number, id1: number, id2: number, id3: number): LiveStream | undefined {
    const last = this.#last;
    if (last?.id3 === id3 && last.id2 === id2 && last.id1 === id1 && last.id0 === id0) return last;
    let stream = this.#buckets.get(bucketKey(id0, id1, id2, id3));
    while (stream !== undefined && !hasId(stream, id0, id1, id2, id3)) stream = stream.nextInBucket;
    this.#last = stream;
    return stream;
  }

  /** Removes a live stream; its id may be used again from now on. */
  remove(stream: LiveStream): void {
    const key = bucketKey(stream.id0, stream.id1, stream.id2, stream.id3);
    const first = this.#buckets.get(key);
    if (first === stream) {
      if (stream.nextInBucket === undefined) this.#buckets.delete(key);
      else this.#buckets.set(key, stream.nextInBucket);
    } else {
      let before = first;
      while (before !== undefined && before.nextInBucket !== stream) before = before.nextInBucket;
      if (before === undefined) return;
      before.nextInBucket = stream.nextInBucket;
    }
    stream.nextInBucket = undefined;
    if (this.#last === stream) this.#last = undefined;
    this.#size -= 1;
    const slot = 4 * (this.#endedCount++ % REMEMBERED_IDS);
    this.#endedIds[slot] = stream.id0;
    this.#endedIds[slot + 1] = stream.id1;
    this.#endedIds[slot + 2] = stream.id2;
    this.#endedIds[slot + 3] = stream.id3;
  }

  /** Whether that id was live and has ended, as far as this table remembers. */
  hasEnded(id0: number, id1: number, id2: number, id3: number): boolean {
    const ids = this.#endedIds;
    const end = 4 * Math.min(this.#endedCount, REMEMBERED_IDS);
    for (let at = 0; at < end; at += 4) {
      if (ids[at] === id0 && ids[at + 1] === id1 && ids[at + 2] === id2 && ids[at + 3] === id3) return true;
    }
    return false;
  }

  /** All that is live, as a list that stays as it is while streams end. */
  all(): LiveStream[] {
    const streams: LiveStream[] = [];
    for (const first of this.#buckets.values()) {
      for (let stream: LiveStream | undefined = first; stream !== undefined; stream = stream.nextInBucket) {
        streams.push(stream);
      }
    }
    return streams;
  }
}

function bucketKey(id0: number, id1: number, id2: number, id3: number): number {
  return id0 ^ id1 ^ id2 ^ id3;
}

function hasId(stream: LiveStream, id0: number, id1: number, id2: number, id3: number): boolean {
  return stream.id3 === id3 && stream.id2 === id2 && stream.id1 === id1 && stream.id0 === id0;
}
