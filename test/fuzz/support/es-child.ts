/**
 * What capnp-es makes of messages, in a process of its own, since some messages end it: the same questions and answers as those of
 * `test/fuzz/oracle.c++`. A message that it can't read is refused.
 */
import { writeSync } from 'node:fs';
import type { Message as MessageClass, Struct as StructClassOf } from 'capnp-es';
import { Digester, type ReadStruct, type ReadValue } from './digest.ts';
import { readLayout, structOf } from '../../support/layout.ts';

// capnp-es drops a byte order mark at the beginning of a text, which the reference keeps. That is known and not what is looked for.
globalThis.TextDecoder = class extends TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean }) {
    super(label, { ...options, ignoreBOM: true });
  }
};
const { Data, List, Message, Struct } = await import('capnp-es');
const Ipc = await import('../../../schema/generated/ipc.ts');
const Streaming = await import('../../../schema/generated/ipc_streaming.ts');

type StructClass = Parameters<MessageClass['getRoot']>[0];

const QUESTION_BYTES = 8;
const layout = readLayout();
const digester = new Digester(layout);
const structs = process.argv.slice(2);

function classOf(struct: string): StructClass {
  let found: unknown = { ...Ipc, ...Streaming, 'InvocationContext.Entry': Ipc.InvocationContext.Entry };
  found = (found as Record<string, unknown>)[struct];
  return found as StructClass;
}

/** The fields of `of`, of a union only the arm that is set: to read another one throws. */
function structValue(struct: string, of: StructClassOf): ReadStruct {
  const source = of as unknown as Record<string, unknown> & { which?: () => number };
  const which = source.which?.();
  const value: Record<string, ReadValue> = which === undefined ? {} : { which };
  for (const { name, type, unionTag } of structOf(layout, struct).fields.values()) {
    if (unionTag !== undefined && (unionTag !== which || type === 'Void')) continue;
    const [group, member] = name.split('.') as [string, string | undefined];
    // The oracle cuts it, since the reader under test does.
    if (name === 'deadlineUnixMs') value[name] = min(source[name] as bigint, 2n ** 53n - 1n);
    else if (member === undefined) value[name] = valueOf(struct, type, source[name]);
    else {
      const members = (value[group] ?? {}) as Record<string, ReadValue>;
      value[group] = { ...members, [member]: (source[group] as Record<string, bigint>)[member] ?? null };
    }
  }
  return value;
}

function valueOf(struct: string, type: string, value: unknown): ReadValue {
  if (value instanceof Data) return value.toUint8Array();
  if (value instanceof List) {
    const element = type.slice('List('.length, -1);
    return Array.from({ length: value.length }, (_, i) => valueOf(struct, element, value.get(i)));
  }
  if (typeof value === 'boolean') return value ? 1 : 0;
  // Known too: with a default it reads a UInt32 from 2^31 on as negative.
  if (typeof value === 'number') return value >>> 0;
  if (!(value instanceof Struct)) return value as ReadValue;
  const name = [`${struct}.${type}`, type].find((candidate) => layout.structs.has(candidate));
  return structValue(name ?? type, value);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function answer(question: Buffer): Buffer {
  const struct = structs[question[1] ?? 0] ?? '';
  const out = Buffer.alloc(13);
  try {
    const bytes = new Uint8Array(question.subarray(QUESTION_BYTES));
    const root = new Message(bytes, false).getRoot(classOf(struct));
    const { low, high } = digester.digest(struct, structValue(struct, root));
    out[0] = 1;
    out.writeUInt32LE(8, 1);
    out.writeUInt32LE(low, 5);
    out.writeUInt32LE(high, 9);
    return out;
  } catch {
    return out.subarray(0, 5);
  }
}

let held: Buffer = Buffer.alloc(0);
process.stdin.on('data', (chunk: Buffer) => {
  held = Buffer.concat([held, chunk]);
  for (;;) {
    if (held.length < QUESTION_BYTES) return;
    const end = held[0] === 'F'.charCodeAt(0) ? QUESTION_BYTES : QUESTION_BYTES + held.readUInt32LE(4);
    if (held.length < end) return;
    if (held[0] !== 'F'.charCodeAt(0)) writeAll(answer(held.subarray(0, end)));
    held = held.subarray(end);
  }
});

/** At once, so that what was answered before a fatal message is known. */
function writeAll(bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EAGAIN') throw error;
    }
  }
}
