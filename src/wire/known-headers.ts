import { padToWord } from './bytes.ts';
import { FRAME_ARM, FrameEncoder, type FrameDecoder } from './frame.ts';
import { streamIdFromWords } from './stream-id.ts';

const HEADER_BYTES = FrameEncoder.DATA_HEADER_BYTES;

/**
 * What encoders write ahead of a Data payload, as words of 32 bits, here for the stream id 0: one segment each for the
 * envelope and the frame, and every object right behind its pointer.
 */
const USUAL = new Int32Array(new FrameEncoder(streamIdFromWords(0, 0, 0, 0)).dataHeader(0).slice().buffer);

// Words that depend on the message's size: the envelope's segment and payload list, the frame's segment. The last one
// of the header is the list of the Data itself.
const ENVELOPE_SEGMENT = 1;
const ENVELOPE_PAYLOAD = 9;
const FRAME_SEGMENT = 21;
const DATA_LIST = 31;
/** The requestId's 32 digits, and the four words of the id in the frame. */
const TEXT = { start: 10, end: 18 } as const;
const ID = { start: 24, end: 28 } as const;

/** Headers that are remembered; streams whose ids agree in the lowest bits take turns. A power of two. */
const CAPACITY = 64;

/**
 * Recognises Data messages that differ from an earlier one of their stream, which has passed every check, in nothing but
 * the payload.
 *
 * Frames of a stream follow each other by the thousand with the same 128 bytes in front, apart from four lengths. To
 * compare these takes a fraction of decoding two messages, and is no more lenient: only the layout that every encoder
 * writes is remembered, and the lengths must agree with the size of the message. All else is left to the decoders.
 */
export class KnownHeaders {
  readonly #headers = new Array<Int32Array | undefined>(CAPACITY);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /**
   * Looks at the framed message `bytes[start, end)`.
   *
   * @param frame gets the fields that decoding would give it, where the message is recognised
   * @returns whether it is
   */
  recognise(frame: FrameDecoder, bytes: Uint8Array, start: number, end: number): boolean {
    const size = end - start;
    if (size < HEADER_BYTES) return false;
    const view = this.#viewOn(bytes);
    const at = bytes.byteOffset + start;
    const header = this.#headers[indexOf(view, at)];
    if (header === undefined) return false;
    const list = view.getInt32(at + DATA_LIST * 4, true);
    const length = list >>> 3;
    if ((list & 7) !== 2 || padToWord(length) !== size - HEADER_BYTES) return false;
    setSizes(header, size);
    for (let word = 0; word < DATA_LIST; word++) {
      if (view.getInt32(at + word * 4, true) !== header[word]) return false;
    }
    frame.arm = FRAME_ARM.data;
    frame.id0 = header[ID.start + 1]! >>> 0;
    frame.id1 = header[ID.start]! >>> 0;
    frame.id2 = header[ID.start + 3]! >>> 0;
    frame.id3 = header[ID.start + 2]! >>> 0;
    frame.dataStart = start + HEADER_BYTES;
    frame.dataEnd = frame.dataStart + length;
    frame.credit = 0;
    return true;
  }

  /** Remembers the header of a Data message that has passed all checks, if it is laid out as encoders do it. */
  remember(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < HEADER_BYTES) return;
    const view = this.#viewOn(bytes);
    const at = bytes.byteOffset + start;
    const header = USUAL.slice();
    setSizes(header, end - start);
    for (let word = 0; word < DATA_LIST; word++) {
      const value = view.getInt32(at + word * 4, true);
      if ((word >= TEXT.start && word < TEXT.end) || (word >= ID.start && word < ID.end))
        header[word] = value;
      else if (value !== header[word]) return;
    }
    this.#headers[indexOf(view, at)] = header;
  }

  /** A view on the whole buffer behind `bytes`: reads come in one buffer, over and over. */
  #viewOn(bytes: Uint8Array): DataView {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    return this.#view;
  }
}

/** By the lowest word of the id, which hosts that count make differ. */
function indexOf(view: DataView, at: number): number {
  return view.getInt32(at + (ID.start + 2) * 4, true) & (CAPACITY - 1);
}

/** Sets the words that the whole message's size decides. */
function setSizes(header: Int32Array, size: number): void {
  const words = (size - 8) >>> 3;
  if (header[ENVELOPE_SEGMENT] === words) return;
  const payload = size - FrameEncoder.ENVELOPE_BYTES;
  header[ENVELOPE_SEGMENT] = words;
  header[ENVELOPE_PAYLOAD] = (payload << 3) | 2;
  header[FRAME_SEGMENT] = (payload - 8) >>> 3;
}
