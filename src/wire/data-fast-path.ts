import { FrameEncoder } from './frame-encoder.ts';
import type { FrameDecoder } from './frame.ts';
import { saysWord, streamIdFromWords } from './stream-id.ts';

const HEADER_BYTES = FrameEncoder.DATA_HEADER_BYTES;

/**
 * The bytes that encoders write ahead of a Data payload, as words of 32 bits, here for the stream id 0: one segment each for the
 * envelope and the frame, and every object right behind its pointer.
 */
const USUAL = new Int32Array(new FrameEncoder(streamIdFromWords(0, 0, 0, 0)).dataHeader(0).slice().buffer);

// Words that depend on the message's size: the envelope's segment and payload list, the frame's segment. The last one
// of the header is the list of the Data itself.
const ENVELOPE_SEGMENT = 1;
const ENVELOPE_PAYLOAD = 9;
const FRAME_SEGMENT = 21;
const DATA_LIST = 31;
/** The requestId's 32 digits, high 64 bits first, and the id in the frame: `hi` and `lo`, each with its low half first. */
const TEXT = 10;
const HI_LOW = 24;
const HI_HIGH = 25;
const LO_LOW = 26;
const LO_HIGH = 27;

/** The words that are the same in the Data of every stream. */
const FIXED = Uint8Array.of(0, 2, 3, 4, 5, 6, 7, 8, 18, 19, 20, 22, 23, 28, 29, 30);

/**
 * Recognises Data messages in the layout that encoders write; a part of `MessageDecoder`, which alone uses it.
 *
 * Nearly all of the traffic has it: the same 128 bytes in front, apart from the id and four lengths. To compare these
 * takes a fraction of decoding two messages, and is no more lenient: the lengths must agree with the size of the message,
 * and the text of the id with the id. All else is left to the decoders.
 */
export class DataFastPath {
  #view: DataView = new DataView(new ArrayBuffer(0));

  /**
   * Looks at the framed message `bytes[start, end)`. Allocates nothing.
   *
   * @param frame gets the fields that decoding would give it, if the message is recognised
   * @returns whether it is
   */
  match(frame: FrameDecoder, bytes: Uint8Array, start: number, end: number): boolean {
    const size = end - start;
    if (size < HEADER_BYTES) return false;
    // On the whole buffer behind `bytes`: reads come in one buffer, over and over.
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const view = this.#view;
    const at = bytes.byteOffset + start;
    const list = view.getInt32(at + DATA_LIST * 4, true);
    const length = list >>> 3;
    if ((list & 7) !== 2 || ((length + 7) & ~7) !== size - HEADER_BYTES) return false;
    for (let i = 0; i < FIXED.length; i++) {
      const word = FIXED[i]!;
      if (view.getInt32(at + word * 4, true) !== USUAL[word]) return false;
    }
    const payload = size - FrameEncoder.ENVELOPE_BYTES;
    if (view.getInt32(at + ENVELOPE_SEGMENT * 4, true) !== (size - 8) >>> 3) return false;
    if (view.getInt32(at + ENVELOPE_PAYLOAD * 4, true) !== ((payload << 3) | 2)) return false;
    if (view.getInt32(at + FRAME_SEGMENT * 4, true) !== (payload - 8) >>> 3) return false;
    const text = at + TEXT * 4;
    const id0 = view.getInt32(at + HI_HIGH * 4, true);
    const id1 = view.getInt32(at + HI_LOW * 4, true);
    const id2 = view.getInt32(at + LO_HIGH * 4, true);
    const id3 = view.getInt32(at + LO_LOW * 4, true);
    if (!saysWord(view, text, id0) || !saysWord(view, text + 8, id1)) return false;
    if (!saysWord(view, text + 16, id2) || !saysWord(view, text + 24, id3)) return false;
    const dataStart = start + HEADER_BYTES;
    frame.setData(
      id0,
      id1,
      id2,
      id3,
      start + FrameEncoder.ENVELOPE_BYTES,
      end,
      dataStart,
      dataStart + length,
    );
    return true;
  }
}
