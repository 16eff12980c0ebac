/**
 * The smallest module that a host can talk to, for tests of the host kit: echoes each stream on stdin and stdout, grants what it
 * read, answers `shutdown`. Its methods besides `echo`: `die` (exit code 9, with a last word on stderr), `kill` (SIGKILL),
 * `silence` (closes its output and stays).
 */
import { closeSync, writeSync } from 'node:fs';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { Framer } from '../../src/wire/capnp/framer.ts';
import { parseStreamId } from '../../src/wire/stream-id.ts';
import { decodeMessage, type DecodedMessage } from '../support/decoded-message.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

const encoders = new Map<string, FrameEncoder>();

function answer(message: DecodedMessage): Uint8Array[] {
  const { type, requestId, frame } = message;
  if (type === 'shutdown') return [encodeEnvelope('response', requestId, EMPTY_PAYLOAD)];
  const id = parseStreamId(requestId);
  if (id === undefined || frame === undefined) return [];
  if (frame.arm === 'open') {
    act(frame.context.method);
    encoders.set(id, new FrameEncoder(id));
  }
  const encoder = encoders.get(id);
  if (encoder === undefined) return [];
  if (frame.arm === 'data') {
    return [encoder.data(frame.data), encoder.credit(Math.max(frame.data.length, 64))];
  }
  if (frame.arm !== 'close' && frame.arm !== 'cancel') return [];
  encoders.delete(id);
  return [
    frame.arm === 'close' ? encoder.close() : encoder.error({ code: 'cancelled', message: frame.reason }),
  ];
}

function act(method: string): void {
  if (method === 'kill') process.kill(process.pid, 'SIGKILL');
  if (method === 'silence') closeSync(1);
  if (method === 'die') {
    writeSync(2, 'the last word\n');
    process.exit(9);
  }
}

let answers: Uint8Array[] = [];
const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
  answers.push(...answer(decodeMessage(bytes.slice(start, end))));
});
process.stdin.on('data', (chunk: Buffer) => {
  framer.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  if (answers.length > 0) process.stdout.write(Buffer.concat(answers));
  answers = [];
});
