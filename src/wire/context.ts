import { checkCounter } from './capnp/field-range.ts';
import type { StructReader } from './capnp/reader.ts';
import type { SegmentWriter } from './capnp/segment-writer.ts';

/** The caller, the method, and the deadline of a call: `InvocationContext` of `schema/ipc.capnp`. */
export interface InvocationContext {
  readonly invocationId: string;
  readonly method: string;
  /** The authenticated principal, as the host knows it. */
  readonly caller: string;
  readonly tenant: string;
  /** Milliseconds since 1970; 0 for none. A value that no double holds exactly reads as `Number.MAX_SAFE_INTEGER`. */
  readonly deadlineUnixMs: number;
  /** W3C Trace Context. */
  readonly traceparent: string;
  readonly tracestate: string;
  /** In the order of the wire, with what is there twice. */
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

/** The fields that a caller fills in; the rest is empty. */
export type InvocationContextInit = Partial<InvocationContext>;

/** All defaults. */
export const EMPTY_CONTEXT: InvocationContext = {
  invocationId: '',
  method: '',
  caller: '',
  tenant: '',
  deadlineUnixMs: 0,
  traceparent: '',
  tracestate: '',
  metadata: [],
};

/** The struct itself: a word of data and seven pointers. Also where the sender's is smaller, or none at all. */
const STRUCT_BYTES = 64;
const LIST_TAG_BYTES = 8;
const ENTRY_BYTES = 16;

/**
 * The context in the struct `s`. Builds an entry per element of the metadata, however many: see `readBoundedContext`.
 *
 * @throws MalformedError
 */
export function readInvocationContext(s: StructReader): InvocationContext {
  const entries = s.structList(6, 'InvocationContext.metadata');
  const metadata: [string, string][] = [];
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries.at(i);
    metadata.push([
      entry.text(0, 'InvocationContext.Entry.key'),
      entry.text(1, 'InvocationContext.Entry.value'),
    ]);
  }
  return {
    invocationId: s.text(0, 'InvocationContext.invocationId'),
    method: s.text(1, 'InvocationContext.method'),
    caller: s.text(2, 'InvocationContext.caller'),
    tenant: s.text(3, 'InvocationContext.tenant'),
    deadlineUnixMs: deadlineOf(s),
    traceparent: s.text(4, 'InvocationContext.traceparent'),
    tracestate: s.text(5, 'InvocationContext.tracestate'),
    metadata,
  };
}

/**
 * The context with its size, which is measured before a string is built: pointers to the same text again and again make megabytes
 * of strings out of kilobytes of message.
 *
 * @param maxBytes beyond it the context stays {@link EMPTY_CONTEXT}
 * @returns contextBytes: see {@link ContextHead.contextBytes}
 * @throws MalformedError
 */
export function readBoundedContext(
  s: StructReader,
  maxBytes: number,
): { context: InvocationContext; contextBytes: number } {
  const { contextBytes } = s.withoutCharge(() => checkContext(s, maxBytes));
  return { context: contextBytes > maxBytes ? EMPTY_CONTEXT : readInvocationContext(s), contextBytes };
}

/** The part of a context that routing needs. */
export type ContextHead = Pick<InvocationContext, 'method' | 'deadlineUnixMs'> & {
  /**
   * Bytes that the fields hold that we know, in whatever layout the sender has put them: 64, each text that is there with its
   * NUL and padded to 8, and for a list that is there 8 and 16 for each entry. A text that two pointers lead to counts twice.
   */
  readonly contextBytes: number;
  readonly metadataEntries: number;
};

/**
 * The head of a context that `readBoundedContext` would read without an error; throws where that does.
 *
 * @param maxBytes of a larger context only the size and the number of entries are given, and its UTF-8 is not checked to the end
 * @throws MalformedError
 */
export function readContextHead(s: StructReader, maxBytes: number): ContextHead {
  const { contextBytes, metadataEntries } = checkContext(s, maxBytes);
  if (contextBytes > maxBytes) return { contextBytes, method: '', deadlineUnixMs: 0, metadataEntries };
  const method = s.text(1, 'InvocationContext.method');
  return { contextBytes, method, deadlineUnixMs: deadlineOf(s), metadataEntries };
}

/** Follows every pointer that reading will follow, also where the context is too large: malformed comes before too large. */
function checkContext(
  s: StructReader,
  maxBytes: number,
): Pick<ContextHead, 'contextBytes' | 'metadataEntries'> {
  let bytes = STRUCT_BYTES;
  bytes += s.checkText(0, 'InvocationContext.invocationId', maxBytes - bytes);
  bytes += s.checkText(1, 'InvocationContext.method', maxBytes - bytes);
  bytes += s.checkText(2, 'InvocationContext.caller', maxBytes - bytes);
  bytes += s.checkText(3, 'InvocationContext.tenant', maxBytes - bytes);
  bytes += s.checkText(4, 'InvocationContext.traceparent', maxBytes - bytes);
  bytes += s.checkText(5, 'InvocationContext.tracestate', maxBytes - bytes);
  const entries = s.structList(6, 'InvocationContext.metadata');
  if (s.has(6)) bytes += LIST_TAG_BYTES + entries.length * ENTRY_BYTES;
  // Elements without a pointer have no text, and no message pays for their number.
  const pointing = entries.hasPointers ? entries.length : 0;
  for (let i = 0; i < pointing; i += 1) {
    bytes += entries.checkText(i, 0, 'InvocationContext.Entry.key', maxBytes - bytes);
    bytes += entries.checkText(i, 1, 'InvocationContext.Entry.value', maxBytes - bytes);
  }
  return { contextBytes: bytes, metadataEntries: entries.length };
}

function deadlineOf(s: StructReader): number {
  return Math.min(s.uint64AsNumber(0), Number.MAX_SAFE_INTEGER);
}

// One word of data, the deadline; pointers in the order of the texts below, then the metadata.
const DATA_WORDS = 1;
const POINTERS = 7;
const ENTRY_POINTERS = 2;

/**
 * Writes a context behind the pointer at `pointerAt`.
 *
 * @throws RangeError for a deadline that is no integer of milliseconds
 */
export function writeInvocationContext(
  segment: SegmentWriter,
  pointerAt: number,
  context: InvocationContextInit,
): void {
  const at = segment.struct(pointerAt, DATA_WORDS, POINTERS);
  const { invocationId, method, caller, tenant, deadlineUnixMs = 0, traceparent, tracestate } = context;
  segment.uint64(at, checkCounter(deadlineUnixMs, 'InvocationContext.deadlineUnixMs'));
  segment.text(at + 8, invocationId ?? '');
  segment.text(at + 16, method ?? '');
  segment.text(at + 24, caller ?? '');
  segment.text(at + 32, tenant ?? '');
  segment.text(at + 40, traceparent ?? '');
  segment.text(at + 48, tracestate ?? '');
  const metadata = context.metadata ?? [];
  if (metadata.length === 0) return;
  let entry = segment.structs(at + 56, metadata.length, 0, ENTRY_POINTERS);
  for (const [key, value] of metadata) {
    segment.text(entry, key);
    segment.text(entry + 8, value);
    entry += ENTRY_POINTERS * 8;
  }
}
