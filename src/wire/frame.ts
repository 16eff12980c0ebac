import { readUint16, readUint32 } from './capnp/bytes.ts';
import {
  readBoundedContext,
  readContextHead,
  readInvocationContext,
  type ContextHead,
  type InvocationContext,
} from './context.ts';
import { readIpcError, type ErrorFields } from './error-payload.ts';
import { SCHEMA_DEFAULT } from './schema-defaults.ts';
import { MalformedError } from './capnp/malformed.ts';
import { PointerCursor } from './capnp/pointer-cursor.ts';
import { StructReader } from './capnp/reader.ts';
import { hexEqualsWord, type IdWords } from './stream-id.ts';
import type { WireLimits } from './capnp/limits.ts';

export type { ErrorFields } from './error-payload.ts';

/** The arms of `StreamFrame`'s union by their discriminant. */
export const FRAME_ARM = { open: 0, data: 1, credit: 2, close: 3, cancel: 4, error: 5, progress: 6 } as const;

/** The fields of an Open. */
export interface OpenFields {
  readonly context: InvocationContext;
  /** Bytes that the module may send at first (UInt32). */
  readonly initialCredit: number;
  /** Bytes that the context's known fields hold. */
  readonly contextBytes: number;
}

/** The fields of an `open`, as far as routing needs them. */
export interface OpenHead {
  readonly context: ContextHead;
  /** Bytes that the module may send at first (UInt32). */
  readonly initialCredit: number;
}

/**
 * StreamFrame of schema/ipc_streaming.capnp: hi and lo in bytes [0, 16) of the data, the discriminant in [16, 18), credit in
 * [20, 24); one pointer, which the arms share.
 */
export const FRAME_LAYOUT = { discriminant: 16, credit: 20, dataWords: 3, pointers: 1 } as const;

const BYTES_FIELD = {
  [FRAME_ARM.data]: 'StreamFrame.data',
  [FRAME_ARM.progress]: 'StreamFrame.progress',
} as const;

/** One frame of a stream, for those who read it: the object behind it is used for the next message, too. */
export interface Frame extends IdWords {
  /** The discriminant as it came, a UInt16; see {@link FRAME_ARM} and {@link Frame.isKnownArm}. */
  readonly arm: number;
  /** Whether `arm` is one of {@link FRAME_ARM}. */
  readonly isKnownArm: boolean;
  /** The payload of `data` or `progress`: offsets into the bytes that were decoded. Equal for other arms. */
  readonly dataStart: number;
  readonly dataEnd: number;
  /** The UInt32 of `credit`, in bytes; 0 for other arms. */
  readonly credit: number;
  /** The frame's own message, without the envelope: offsets into the bytes that were decoded. */
  readonly start: number;
  readonly end: number;
  /** The reason of a `cancel`. @throws MalformedError, also for another arm */
  cancelReason(): string;
  /**
   * The fields of an `open`.
   *
   * @param maxContextBytes the fields of a larger context are not built: only its size is known then, in `contextBytes`
   * @throws MalformedError, also for another arm
   */
  open(maxContextBytes?: number): OpenFields;
  /**
   * As much of an `open` as routing needs; the rest is checked.
   *
   * @param maxContextBytes a larger context is measured, and nothing else is known of it
   * @throws MalformedError, also for another arm
   */
  openHead(maxContextBytes: number): OpenHead;
  /** The fields of an `error`. @throws MalformedError, also for another arm */
  error(): ErrorFields;
}

/**
 * Reads the nested messages of `streamFrame` envelopes, one after the other into its own fields. The arms data, credit and close
 * cost no allocation where the message has one segment.
 */
export class FrameDecoder implements Frame {
  readonly #cursor: PointerCursor;
  /** The discriminant as it came; see {@link FrameDecoder.isKnownArm}. */
  arm = 0;
  /** The stream id, see {@link IdWords}. */
  id0 = 0;
  id1 = 0;
  id2 = 0;
  id3 = 0;
  /** The payload of `data` or `progress`: offsets into the bytes that were given to `decode`. Equal for other arms. */
  dataStart = 0;
  dataEnd = 0;
  /** The UInt32 of `credit`; 0 for other arms. */
  credit = 0;

  /** The message itself, as it was given to `decode`. */
  start = 0;
  end = 0;

  #rootAt = 0;
  #rootDataBytes = 0;
  #rootPointerCount = 0;
  #rootSegmentStart = 0;
  #rootSegmentEnd = 0;

  constructor(limits: WireLimits) {
    this.#cursor = new PointerCursor(limits);
  }

  /** Whether `arm` is one of {@link FRAME_ARM}. */
  get isKnownArm(): boolean {
    return this.arm <= FRAME_ARM.progress;
  }

  /**
   * Reads the framed message `bytes[start, end)`, the whole payload of an envelope. Of `data` and `progress` everything is checked, of the other
   * arms with a pointer its kind and bounds; an unknown arm is no error here.
   *
   * @throws MalformedError; the fields are then of no use
   */
  decode(bytes: Uint8Array, start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.open(bytes, start, end);
    this.start = start;
    this.end = end;
    cursor.followRoot('StreamFrame');
    const at = cursor.at;
    const dataBytes = cursor.dataBytes;
    this.#rootAt = at;
    this.#rootDataBytes = dataBytes;
    this.#rootPointerCount = cursor.pointerCount;
    this.#rootSegmentStart = cursor.segmentStart;
    this.#rootSegmentEnd = cursor.segmentEnd;
    // Data sections are whole words here, and one that ends early has defaults behind its end.
    this.id1 = dataBytes > 0 ? readUint32(bytes, at) | 0 : 0;
    this.id0 = dataBytes > 0 ? readUint32(bytes, at + 4) | 0 : 0;
    this.id3 = dataBytes > 8 ? readUint32(bytes, at + 8) | 0 : 0;
    this.id2 = dataBytes > 8 ? readUint32(bytes, at + 12) | 0 : 0;
    this.arm = dataBytes > FRAME_LAYOUT.discriminant ? readUint16(bytes, at + FRAME_LAYOUT.discriminant) : 0;
    this.dataStart = this.dataEnd = end;
    this.credit = 0;
    if (this.arm === FRAME_ARM.credit) {
      this.credit = readUint32(bytes, at + FRAME_LAYOUT.credit);
    } else if (cursor.pointerCount > 0) {
      this.#checkPointer(at + dataBytes);
    }
  }

  /**
   * Takes the fields of a `data` frame from a caller that has made all the checks of {@link decode} itself.
   *
   * @param start the frame's message is `[start, end)`, and its payload `[dataStart, dataEnd)` of the same bytes
   */
  setData(
    id0: number,
    id1: number,
    id2: number,
    id3: number,
    start: number,
    end: number,
    dataStart: number,
    dataEnd: number,
  ): void {
    this.arm = FRAME_ARM.data;
    this.id0 = id0;
    this.id1 = id1;
    this.id2 = id2;
    this.id3 = id3;
    this.credit = 0;
    this.start = start;
    this.end = end;
    this.dataStart = dataStart;
    this.dataEnd = dataEnd;
  }

  /** Whether the 32 digits from `bytes[textStart]` on, an envelope's requestId, say the id of this frame. Allocates nothing. */
  idMatches(bytes: Uint8Array, textStart: number): boolean {
    return (
      hexEqualsWord(bytes, textStart, this.id0) &&
      hexEqualsWord(bytes, textStart + 8, this.id1) &&
      hexEqualsWord(bytes, textStart + 16, this.id2) &&
      hexEqualsWord(bytes, textStart + 24, this.id3)
    );
  }

  /** The reason of a `cancel`. @throws MalformedError */
  cancelReason(): string {
    return this.#rootOf(FRAME_ARM.cancel, 'StreamFrame.cancel').text(0, 'StreamFrame.cancel');
  }

  /**
   * The fields of an `open`.
   *
   * @param maxContextBytes a larger context is measured and not built, see `readBoundedContext`
   * @throws MalformedError
   */
  open(maxContextBytes: number = this.#cursor.limits.maxMessageBytes): OpenFields {
    const open = this.#rootOf(FRAME_ARM.open, 'StreamFrame.open').struct(0, 'StreamFrame.open');
    const { context, contextBytes } = readBoundedContext(open.struct(0, 'Open.context'), maxContextBytes);
    // On the wire a field is XORed with its default, so that a default is all zeroes.
    return { context, initialCredit: (open.uint32(0) ^ SCHEMA_DEFAULT.initialCredit) >>> 0, contextBytes };
  }

  /**
   * As much of an `open` as routing needs. What is wrong with the rest is found here too: {@link openContext} reads it later,
   * perhaps in another thread.
   *
   * @param maxContextBytes a larger context is measured, and nothing else is known of it
   * @throws MalformedError
   */
  openHead(maxContextBytes: number): OpenHead {
    const open = this.#rootOf(FRAME_ARM.open, 'StreamFrame.open').struct(0, 'StreamFrame.open');
    const context = readContextHead(open.struct(0, 'Open.context'), maxContextBytes);
    return { context, initialCredit: (open.uint32(0) ^ SCHEMA_DEFAULT.initialCredit) >>> 0 };
  }

  /** The context of an `open` whose size {@link openHead} has found to be within bounds. */
  openContext(): InvocationContext {
    const open = this.#rootOf(FRAME_ARM.open, 'StreamFrame.open').struct(0, 'StreamFrame.open');
    return readInvocationContext(open.struct(0, 'Open.context'));
  }

  /** The fields of an `error`. @throws MalformedError */
  error(): ErrorFields {
    return readIpcError(this.#rootOf(FRAME_ARM.error, 'StreamFrame.error').struct(0, 'StreamFrame.error'));
  }

  #checkPointer(pointerAt: number): void {
    const cursor = this.#cursor;
    const start = this.#rootSegmentStart;
    const end = this.#rootSegmentEnd;
    switch (this.arm) {
      case FRAME_ARM.data:
      case FRAME_ARM.progress:
        if (cursor.followBytes(pointerAt, start, end, BYTES_FIELD[this.arm])) {
          this.dataStart = cursor.at;
          this.dataEnd = cursor.at + cursor.elementCount;
        }
        return;
      case FRAME_ARM.cancel:
        cursor.followText(pointerAt, start, end, 'StreamFrame.cancel');
        return;
      case FRAME_ARM.open:
      case FRAME_ARM.error:
        cursor.followStruct(pointerAt, start, end, cursor.limits.maxNesting - 1, 'StreamFrame.open or error');
        return;
      default:
        // Close has no value, credit is no pointer, and of an unknown arm nothing is known.
        return;
    }
  }

  #rootOf(arm: number, field: string): StructReader {
    if (this.arm !== arm) throw new MalformedError('union-arm', field, `the frame has arm ${this.arm}`);
    return new StructReader(
      this.#cursor,
      this.#rootAt,
      this.#rootDataBytes,
      this.#rootPointerCount,
      this.#cursor.limits.maxNesting - 1,
      this.#rootSegmentStart,
      this.#rootSegmentEnd,
    );
  }
}
