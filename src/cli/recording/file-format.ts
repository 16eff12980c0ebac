/**
 * The file that `record` writes: everything that went over a wire, both ways, as it came.
 *
 *     "ixt-recording 1\n"                    16 bytes
 *     UInt32 length, header as JSON          RecordingHeader
 *     then entries, until the file ends:
 *       UInt8 kind, Float64 time in ms since the start, UInt32 length, bytes
 *
 * All numbers are little-endian. Bytes are kept as they were read, not cut into messages, so a recording shows broken framing as
 * it was, and a recorder that dies leaves a file that can be read up to there.
 */

const MAGIC = 'ixt-recording 1\n';
const ENTRY_HEADER_BYTES = 13;

/** The header of a recording: the recorded command, its working folder, and the time. */
export interface RecordingHeader {
  readonly command: readonly string[];
  readonly cwd: string;
  /** Unix time of the start, in ms: what deadlines are counted from. */
  readonly startedUnixMs: number;
  /** Of the package that recorded. */
  readonly version: string;
}

/** The kinds of entries; a kind's position is its number in the file. */
const ENTRY_KINDS = ['hostBytes', 'moduleBytes', 'hostEnd', 'moduleEnd', 'exit'] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** One thing that happened. */
export interface Entry {
  readonly kind: EntryKind;
  /** Milliseconds since the start. */
  readonly at: number;
  /** Of `exit`: JSON of {@link RecordedExit}; of the ends: empty. */
  readonly bytes: Uint8Array;
}

/** The end of the module. */
export interface RecordedExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A recording as it was read. */
export interface Recording {
  readonly header: RecordingHeader;
  readonly entries: readonly Entry[];
  /** The file ends inside an entry: the recorder was killed, or the file was cut. */
  readonly isCut: boolean;
}

const utf8 = new TextEncoder();

/** The beginning of a file. */
export function encodeHeader(header: RecordingHeader): Uint8Array {
  const json = utf8.encode(JSON.stringify(header));
  const out = new Uint8Array(MAGIC.length + 4 + json.length);
  out.set(utf8.encode(MAGIC));
  new DataView(out.buffer).setUint32(MAGIC.length, json.length, true);
  out.set(json, MAGIC.length + 4);
  return out;
}

/** One entry, in an array of its own. */
export function encodeEntry({ kind, at, bytes }: Entry): Uint8Array {
  const out = new Uint8Array(ENTRY_HEADER_BYTES + bytes.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, ENTRY_KINDS.indexOf(kind));
  view.setFloat64(1, at, true);
  view.setUint32(9, bytes.length, true);
  out.set(bytes, ENTRY_HEADER_BYTES);
  return out;
}

/** Whether the bytes begin like a recording. */
export function isRecording(file: Uint8Array): boolean {
  return Buffer.from(file.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
}

/**
 * Reads a whole file; the entries' bytes are views on it.
 *
 * @throws Error for what is no recording, with a message for a person
 */
export function parseRecording(file: Uint8Array): Recording {
  if (!isRecording(file)) throw new Error('it is no recording of ixt-module record');
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const headerAt = MAGIC.length + 4;
  const headerLength = file.length < headerAt ? Infinity : view.getUint32(MAGIC.length, true);
  if (headerAt + headerLength > file.length) throw new Error('it ends inside its header');
  const header = parseHeader(file.subarray(headerAt, headerAt + headerLength));
  const entries: Entry[] = [];
  let at = headerAt + headerLength;
  while (at + ENTRY_HEADER_BYTES <= file.length) {
    const kind = ENTRY_KINDS[view.getUint8(at)];
    if (kind === undefined) throw new Error(`it has an entry of unknown kind at byte ${at}`);
    const start = at + ENTRY_HEADER_BYTES;
    const end = start + view.getUint32(at + 9, true);
    if (end > file.length) break;
    entries.push({ kind, at: view.getFloat64(at + 1, true), bytes: file.subarray(start, end) });
    at = end;
  }
  return { header, entries, isCut: at < file.length };
}

/** The content of an `exit` entry. */
export function parseExit({ bytes }: Entry): RecordedExit {
  return JSON.parse(Buffer.from(bytes).toString()) as RecordedExit;
}

function parseHeader(json: Uint8Array): RecordingHeader {
  const header = JSON.parse(Buffer.from(json).toString()) as Partial<RecordingHeader>;
  const { command, cwd, startedUnixMs, version } = header;
  if (!Array.isArray(command) || typeof cwd !== 'string' || typeof startedUnixMs !== 'number') {
    throw new Error('its header is incomplete');
  }
  return { command, cwd, startedUnixMs, version: version ?? '' };
}
