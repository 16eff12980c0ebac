import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolveType, structOf, type FieldValue, type Layout, type StructValue } from './layout.ts';

/**
 * Debian's `capnp` tool, the judge of the interop tests. It reads and writes *streams* of messages, so one process converts a
 * whole list.
 */

// The tool's own default begins with 8 KiB and then adds segments.
const ONE_SEGMENT_WORDS = 1 << 20;

const SCHEMA_FOLDER = fileURLToPath(new URL('../../schema/', import.meta.url));

/** Which of the two schema files has the struct. */
export function schemaFileOf(struct: string): string {
  return struct === 'StreamFrame' || struct === 'Open' ? 'ipc_streaming.capnp' : 'ipc.capnp';
}

/** @throws Error with the hint how to install it, where the tool is missing */
export function capnp(args: readonly string[], input: string | Uint8Array): Buffer {
  // PWD goes along with cwd, since the tool warns where the two differ.
  const env = { ...process.env, PWD: SCHEMA_FOLDER };
  const ran = spawnSync('capnp', args, { cwd: SCHEMA_FOLDER, env, input, maxBuffer: 1 << 28 });
  if (ran.error !== undefined && 'code' in ran.error && ran.error.code === 'ENOENT') {
    throw new Error(
      "the interop tests need Cap'n Proto's `capnp` tool: apt-get install capnproto (Debian, Ubuntu) or brew install capnp (macOS)",
      { cause: ran.error },
    );
  }
  // A warning of the tool about its input is a failure too: it exits with 0 where it could make something of it.
  if (ran.status !== 0 || ran.stderr.length > 0) {
    throw new Error(`capnp ${args.join(' ')} (exit ${ran.status}):\n${ran.stderr.toString().slice(0, 4000)}`);
  }
  return ran.stdout;
}

/**
 * Framed messages of the root struct `struct`, one for each literal.
 *
 * @param segmentWords the preferred size of a segment; left out: larger than any message, so that each has one segment
 */
export function encodeLiterals(
  struct: string,
  literals: readonly string[],
  segmentWords: number = ONE_SEGMENT_WORDS,
): Uint8Array[] {
  const size = `--segment-size=${segmentWords}`;
  const args = ['convert', size, 'text:binary', schemaFileOf(struct), struct];
  const messages = splitMessages(capnp(args, literals.join('\n')));
  if (messages.length !== literals.length) {
    throw new Error(`capnp made ${messages.length} messages of ${literals.length} literals`);
  }
  return messages;
}

/** What the tool reads in framed messages, each as one line of text. */
export function decodeToText(struct: string, messages: readonly Uint8Array[]): string[] {
  const args = ['convert', '--short', 'binary:text', schemaFileOf(struct), struct];
  return capnp(args, Buffer.concat(messages)).toString().trimEnd().split('\n');
}

/** Cuts a stream of framed messages, with nothing of our own codec in it. */
export function splitMessages(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at < stream.length) {
    const segments = segmentSizes(stream.subarray(at));
    const table = Math.ceil((4 + segments.length * 4) / 8) * 8;
    const end = at + table + segments.reduce((sum, words) => sum + words * 8, 0);
    if (end > view.byteLength) throw new Error('the stream ends inside a message');
    // A plain array of its own: a Buffer's slice would be a view, and a Buffer.
    messages.push(new Uint8Array(stream.subarray(at, end)));
    at = end;
  }
  return messages;
}

/** The words of each segment of a framed message. */
export function segmentSizes(message: Uint8Array): number[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return Array.from({ length: view.getUint32(0, true) + 1 }, (_, i) => view.getUint32(4 + i * 4, true));
}

/** A struct as a literal of the schema language, fields in the order given. */
export function toLiteral(layout: Layout, struct: string, value: StructValue): string {
  const { fields } = structOf(layout, struct);
  const groups = new Map<string, string[]>();
  const parts: string[] = [];
  for (const [name, given] of Object.entries(value)) {
    const [group, member] = name.split('.');
    const text = fieldLiteral(layout, struct, fields.get(name)!.type, given);
    if (member === undefined) parts.push(`${name} = ${text}`);
    else if (groups.has(group!)) groups.get(group!)!.push(`${member} = ${text}`);
    else groups.set(group!, [`${member} = ${text}`]);
  }
  for (const [group, members] of groups) parts.push(`${group} = (${members.join(', ')})`);
  return `(${parts.join(', ')})`;
}

function fieldLiteral(layout: Layout, struct: string, type: string, given: FieldValue): string {
  if (given === null) return 'void';
  // The tool refuses 0x"".
  if (given instanceof Uint8Array)
    return `${given.length > 0 ? '0x' : ''}"${Buffer.from(given).toString('hex')}"`;
  if (type === 'Bool') return given === 1 ? 'true' : 'false';
  if (typeof given === 'number' || typeof given === 'bigint') return given.toString();
  const list = /^List\((\w+)\)$/.exec(type);
  if (list) {
    const items = given as readonly FieldValue[];
    return `[${items.map((item) => fieldLiteral(layout, struct, list[1]!, item)).join(', ')}]`;
  }
  const name = resolveType(layout, struct, type);
  if (typeof given === 'string') return name === undefined ? quote(given) : given;
  return toLiteral(layout, name!, given as StructValue);
}

/** The schema language's string literal: bytes outside of printable ASCII as octal escapes. */
function quote(text: string): string {
  let quoted = '"';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    quoted += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${quoted}"`;
}
