import { padToWord } from './capnp/bytes.ts';
import { enumerant } from './capnp/enumerant.ts';
import { checkUint32 } from './capnp/field-range.ts';
import { MalformedError } from './capnp/malformed.ts';
import type { StructReader } from './capnp/reader.ts';
import type { SegmentWriter } from './capnp/segment-writer.ts';
import { encodeUtf8 } from './capnp/utf8.ts';

/** `MethodInfo.Mode` by number. */
export const METHOD_MODES = ['sync', 'async'] as const;
/** How a handler runs: `sync` has a worker to itself, `async` may share one. */
export type MethodMode = (typeof METHOD_MODES)[number];

/** `MethodInfo.Kind` by number. */
export const METHOD_KINDS = ['stream', 'handle'] as const;
/** Which message calls a method: an `open` frame, or `handle`. */
export type MethodKind = (typeof METHOD_KINDS)[number];

/** The payloads of one direction of a method: `PayloadInfo`. */
export interface PayloadInfo {
  /** "bytes", "text", "json", "ndjson", "capnp", or a name of the author's own; empty where nothing is sent, or not said. */
  readonly codec: string;
  /** A JSON Schema document (2020-12) of one value as text; empty where none is known. */
  readonly jsonSchema: string;
  /** Whether exactly one value is sent. */
  readonly single: boolean;
  /** For "capnp": the name of the struct. */
  readonly typeName: string;
}

/** One method as its module describes it: `MethodInfo`. */
export interface MethodInfo {
  readonly name: string;
  readonly mode: MethodMode;
  /** For a person; empty where the module doesn't say. */
  readonly description: string;
  readonly input: PayloadInfo;
  readonly output: PayloadInfo;
  /** Milliseconds from the start of its handler after which a call is ended; 0 for none. */
  readonly timeoutMs: number;
  /** How many of its calls run at a time; 0 for as many as the module can run. */
  readonly concurrency: number;
  readonly kind: MethodKind;
  /** Its progress frames; without a codec it sends none, or doesn't say. */
  readonly progress: PayloadInfo;
}

/** The fields of a method that a module fills in; the rest is empty. */
export interface MethodInfoInit extends Partial<Omit<MethodInfo, PayloadField>> {
  readonly input?: Partial<PayloadInfo> | undefined;
  readonly output?: Partial<PayloadInfo> | undefined;
  readonly progress?: Partial<PayloadInfo> | undefined;
}

const PAYLOAD_FIELDS = ['input', 'output', 'progress'] as const;
type PayloadField = (typeof PAYLOAD_FIELDS)[number];

/** All defaults. */
export const NO_PAYLOAD_INFO: PayloadInfo = { codec: '', jsonSchema: '', single: false, typeName: '' };

// MethodInfo: mode in bytes [0, 2) of the data, kind in [2, 4), timeoutMs in [4, 8), concurrency in [8, 12); pointers in the order
// of the fields. PayloadInfo: `single` is the first bit.
const METHOD = { dataWords: 2, pointers: 5 } as const;
const PAYLOAD = { dataWords: 1, pointers: 3 } as const;
const METHOD_POINTER = { name: 0, description: 1, input: 2, output: 3, progress: 4 } as const;

/** Bytes that an element takes in a message of this schema, with a short name. One without size would cost its message nothing. */
const ELEMENT_BYTES = 64;

/** Counts what a list holds against what its message can honestly hold. @throws MalformedError where it is more */
type Within = (text: string) => string;

/**
 * `Initialized.methodInfo` in the struct `s`.
 *
 * @param most bytes that all elements with their texts may take: many pointers may lead to one text, and elements without size
 *   are as many as their tag says
 * @throws MalformedError
 */
export function readMethods(s: StructReader, pointerIndex: number, most: number): MethodInfo[] {
  const list = s.structList(pointerIndex, 'Initialized.methodInfo');
  const within = withinBytes(most, list.length * ELEMENT_BYTES);
  return Array.from({ length: list.length }, (_, i) => readMethodInfo(list.at(i), within));
}

/** @throws MalformedError if `taken` is more than `most` already */
function withinBytes(most: number, taken: number): Within {
  let bytes = taken;
  const within: Within = (text) => {
    bytes += text.length;
    if (bytes <= most) return text;
    const what = 'it holds far more than the message has bytes';
    throw new MalformedError('traversal', 'Initialized.methodInfo', what);
  };
  within('');
  return within;
}

/** The `MethodInfo` in the struct `s`. @throws MalformedError */
export function readMethodInfo(s: StructReader, within: Within = (text) => text): MethodInfo {
  const payload = (pointer: number, field: string): PayloadInfo =>
    s.has(pointer) ? readPayloadInfo(s.struct(pointer, field), within) : NO_PAYLOAD_INFO;
  return {
    name: within(s.text(METHOD_POINTER.name, 'MethodInfo.name')),
    mode: enumerant(METHOD_MODES, s.uint16(0), 'MethodInfo.mode'),
    description: within(s.text(METHOD_POINTER.description, 'MethodInfo.description')),
    input: payload(METHOD_POINTER.input, 'MethodInfo.input'),
    output: payload(METHOD_POINTER.output, 'MethodInfo.output'),
    timeoutMs: s.uint32(4),
    concurrency: s.uint32(8),
    kind: enumerant(METHOD_KINDS, s.uint16(2), 'MethodInfo.kind'),
    progress: payload(METHOD_POINTER.progress, 'MethodInfo.progress'),
  };
}

/** The `PayloadInfo` in the struct `s`. @throws MalformedError */
export function readPayloadInfo(s: StructReader, within: Within = (text) => text): PayloadInfo {
  return {
    codec: within(s.text(0, 'PayloadInfo.codec')),
    jsonSchema: within(s.text(1, 'PayloadInfo.jsonSchema')),
    single: (s.uint16(0) & 1) === 1,
    typeName: within(s.text(2, 'PayloadInfo.typeName')),
  };
}

/** Writes the list behind the pointer at `pointerAt`; an empty one stays a null pointer. @throws RangeError for a number that its field can't hold */
export function writeMethods(
  segment: SegmentWriter,
  pointerAt: number,
  methods: readonly MethodInfoInit[],
): void {
  if (methods.length === 0) return;
  let at = segment.structs(pointerAt, methods.length, METHOD.dataWords, METHOD.pointers);
  for (const method of methods) {
    const pointerOf = (field: keyof typeof METHOD_POINTER): number =>
      at + (METHOD.dataWords + METHOD_POINTER[field]) * 8;
    const { name = '', description = '', mode = 'sync', kind = 'stream' } = method;
    segment.uint16(at, METHOD_MODES.indexOf(mode));
    segment.uint16(at + 2, METHOD_KINDS.indexOf(kind));
    segment.uint32(at + 4, checkUint32(method.timeoutMs ?? 0, 'MethodInfo.timeoutMs'));
    segment.uint32(at + 8, checkUint32(method.concurrency ?? 0, 'MethodInfo.concurrency'));
    segment.text(pointerOf('name'), name);
    segment.text(pointerOf('description'), description);
    for (const field of PAYLOAD_FIELDS) writePayloadInfo(segment, pointerOf(field), method[field] ?? {});
    at += (METHOD.dataWords + METHOD.pointers) * 8;
  }
}

function writePayloadInfo(segment: SegmentWriter, pointerAt: number, info: Partial<PayloadInfo>): void {
  const { codec = '', jsonSchema = '', single = false, typeName = '' } = info;
  if (codec === '' && jsonSchema === '' && !single && typeName === '') return;
  const at = segment.struct(pointerAt, PAYLOAD.dataWords, PAYLOAD.pointers);
  segment.uint16(at, single ? 1 : 0);
  segment.text(at + 8, codec);
  segment.text(at + 16, jsonSchema);
  segment.text(at + 24, typeName);
}

/**
 * The rest of `methods` if they have to take `excess` bytes less: JSON Schemas go first, from the largest down, then descriptions
 * in the same way, and if that is not enough, all.
 */
export function shedMethods(methods: readonly MethodInfoInit[], excess: number): readonly MethodInfoInit[] {
  const left: MethodInfoInit[] = [...methods];
  let tooMany = excess;
  const shed = (parts: readonly Part[]): boolean => {
    for (const { bytes, without } of [...parts].sort((a, b) => b.bytes - a.bytes)) {
      if (tooMany <= 0) break;
      without();
      tooMany -= bytes;
    }
    return tooMany <= 0;
  };
  const schemas = PAYLOAD_FIELDS.flatMap((field) =>
    methods.map((method, i) => ({
      bytes: textBytes(method[field]?.jsonSchema),
      without: () => void (left[i] = { ...left[i], [field]: { ...method[field], jsonSchema: '' } }),
    })),
  );
  if (shed(schemas)) return left;
  const descriptions = methods.map(({ description }, i) => ({
    bytes: textBytes(description),
    without: () => void (left[i] = { ...left[i], description: '' }),
  }));
  return shed(descriptions) ? left : [];
}

/** A text that can be left out, and what it takes. */
interface Part {
  readonly bytes: number;
  readonly without: () => void;
}

function textBytes(text = ''): number {
  return text === '' ? 0 : padToWord(encodeUtf8(text).length + 1);
}
