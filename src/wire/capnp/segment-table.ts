import { readUint32 } from './bytes.ts';
import { MalformedError, type MalformedKind } from './malformed.ts';
import type { WireLimits } from './limits.ts';

const NO_SEGMENTS: readonly number[] = [];

/**
 * Where the segments of one framed message lie, as byte offsets; read anew for each message, without an allocation where it has
 * one segment.
 */
export class SegmentTable {
  firstStart = 0;
  firstEnd = 0;
  /** Start and end of every segment, in turns; empty for a message of one segment. */
  #many: readonly number[] = NO_SEGMENTS;

  /**
   * Takes `bytes[start, end)` as one framed message: segment table, then segments, then nothing more.
   *
   * @throws MalformedError
   */
  read(bytes: Uint8Array, start: number, end: number, limits: WireLimits): void {
    this.#many = NO_SEGMENTS;
    if (end - start < 8) throw tableError('framing', 'the message ends inside it');
    if (end - start > limits.maxMessageBytes) {
      throw tableError('message-limit', `the message has ${end - start} bytes`);
    }
    this.firstStart = start + 8;
    if (readUint32(bytes, start) === 0) {
      // Exact: the product stays below 2^35.
      this.firstEnd = this.firstStart + readUint32(bytes, start + 4) * 8;
      if (this.firstEnd !== end) throw endError(this.firstEnd, end);
    } else {
      this.#readMany(bytes, start, end, limits.maxSegments);
    }
  }

  has(id: number): boolean {
    return id === 0 || id * 2 < this.#many.length;
  }

  /** Of a segment that is there; so {@link endOf}. */
  startOf(id: number): number {
    return id === 0 ? this.firstStart : this.#many[id * 2]!;
  }

  endOf(id: number): number {
    return id === 0 ? this.firstEnd : this.#many[id * 2 + 1]!;
  }

  /** Names the place of byte `at`, for errors. */
  placeOf(at: number): string {
    let id = 0;
    for (let i = 0; i < this.#many.length; i += 2) {
      if (at >= this.#many[i]! && at <= this.#many[i + 1]!) {
        id = i / 2;
        break;
      }
    }
    return `segment ${id}, word ${Math.floor((at - this.startOf(id)) / 8)}`;
  }

  #readMany(bytes: Uint8Array, start: number, end: number, maxSegments: number): void {
    const count = readUint32(bytes, start) + 1;
    if (count >= maxSegments) throw tableError('segment-count', `it declares ${count} segments`);
    let at = start + segmentTableBytes(count);
    if (at > end) throw tableError('framing', 'the message ends inside it');
    const segments: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const segmentEnd = at + readUint32(bytes, start + 4 + i * 4) * 8;
      segments.push(at, segmentEnd);
      at = segmentEnd;
    }
    if (at !== end) throw endError(at, end);
    this.#many = segments;
    this.firstStart = segments[0]!;
    this.firstEnd = segments[1]!;
  }
}

/** Bytes of the segment table of `count` segments: a UInt32 with the count less one, one per segment, padded to a word. */
export function segmentTableBytes(count: number): number {
  return ((count >>> 1) + 1) * 8;
}

function tableError(what: MalformedKind, detail: string): MalformedError {
  return new MalformedError(what, 'segment table', detail);
}

function endError(declaredEnd: number, end: number): MalformedError {
  return declaredEnd > end
    ? tableError('segment-bounds', `the segments reach ${declaredEnd - end} bytes past the message`)
    : tableError('trailing-bytes', `${end - declaredEnd} bytes follow the last segment`);
}
