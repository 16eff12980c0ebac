import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Framer } from '../../src/wire/capnp/framer.ts';
import { encodeLiterals, toLiteral } from '../support/capnp.ts';
import { readLayout } from '../support/layout.ts';
import { bytesOf, CONTEXT, contextValue } from './corpus.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

const layout = readLayout();

/** A frame in an envelope, both of many segments; then messages of one segment, one of them nearly empty. */
const MESSAGES: readonly Uint8Array[] = (() => {
  const open = toLiteral(layout, 'StreamFrame', {
    'streamId.lo': 1,
    open: { context: contextValue(CONTEXT) },
  });
  const envelope = toLiteral(layout, 'IpcEnvelope', {
    messageType: 'streamFrame',
    requestId: '0'.repeat(31) + '1',
    payload: encodeLiterals('StreamFrame', [open], 5)[0]!,
  });
  const small = ['(messageType = handle, requestId = "r", payload = 0x"0102")', '()'];
  return [...encodeLiterals('IpcEnvelope', [envelope], 3), ...encodeLiterals('IpcEnvelope', small)];
})();
const STREAM = new Uint8Array(Buffer.concat(MESSAGES));

function frame(chunks: Iterable<Uint8Array>): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) =>
    messages.push(bytes.slice(start, end)),
  );
  for (const chunk of chunks) {
    framer.push(chunk);
    // The read buffer is used again for the next read.
    chunk.fill(0xee);
  }
  assert.equal(framer.pendingBytes, 0);
  return messages;
}

test('a stream of the capnp tool, cut in two at any byte, comes out as its messages', () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    assert.deepEqual(frame([STREAM.slice(0, cut), STREAM.slice(cut)]), MESSAGES, `cut at ${cut}`);
  }
});

test('a stream of the capnp tool, in chunks of any size, comes out as its messages', () => {
  for (let size = 1; size <= 64; size += 1) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < STREAM.length; at += size) chunks.push(STREAM.slice(at, at + size));
    assert.deepEqual(frame(chunks), MESSAGES, `chunks of ${size}`);
  }
});

test('a message of 1 MiB in chunks of a pipe, with others around it, comes out whole', () => {
  const value = { messageType: 'response', requestId: 'r', payload: bytesOf(1 << 20) };
  const large = encodeLiterals('IpcEnvelope', [toLiteral(layout, 'IpcEnvelope', value)])[0]!;
  const messages = [...MESSAGES, large, ...MESSAGES];
  const stream = new Uint8Array(Buffer.concat(messages));
  for (const size of [4096, 65_535, 65_536]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size));
    assert.deepEqual(frame(chunks), messages, `chunks of ${size}`);
  }
});
