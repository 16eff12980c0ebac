import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError } from '../../../src/errors.ts';
import { json, ndjson } from '../../../src/methods/codec.ts';
import { testStream } from './fake-stream-io.ts';

function refused(message: RegExp) {
  return (error: unknown): boolean =>
    error instanceof ModuleError && error.code === 'invalidArgument' && message.test(error.message);
}

test('progress is JSON, and bytes as they are, or what the codec of the method makes of it', () => {
  const { io, stream } = testStream();
  stream.progress({ done: 3, total: 10 });
  stream.progress(0.5);
  stream.progress(Uint8Array.of(1, 2));
  stream.progressCodec = ndjson();
  stream.progress({ done: 4 });
  const seen = io.progressed.map((value) => Buffer.from(value).toString('latin1'));
  assert.deepEqual(seen, ['{"done":3,"total":10}', '0.5', '\u0001\u0002', '{"done":4}\n']);
  assert.deepEqual([io.sent, io.blocks], [[], []], 'it is no Data, and waits for nothing');
});

test('a value of 4,096 bytes is taken, and one of a byte more, or that is no JSON, is the handler’s mistake', () => {
  const { io, stream } = testStream();
  stream.progress('x'.repeat(4094));
  assert.equal(io.progressed[0]?.length, 4096);
  assert.throws(() => stream.progress('x'.repeat(4095)), refused(/4097 bytes, the limit is 4096/));
  assert.throws(() => stream.progress(new Uint8Array(4097)), refused(/4097 bytes/));
  assert.throws(() => stream.progress(undefined), refused(/undefined/));
  assert.throws(() => stream.progress(1n), refused(/BigInt/));
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  assert.throws(() => stream.progress(circle), refused(/circular/));
  stream.progressCodec = { encode: () => 'no bytes' as never };
  assert.throws(() => stream.progress(1), refused(/no bytes/));
  stream.progressCodec = json();
  assert.throws(() => stream.progress(1n), refused(/refuses it/));
  assert.equal(io.progressed.length, 1);
});

test('progress after the end, or of a stream that is cancelled, does nothing', () => {
  const { io, stream, stop } = testStream();
  stop('cancelled', 'enough');
  stream.progress(1);
  const over = testStream();
  over.stream.finish();
  over.stream.progress(1);
  assert.deepEqual([io.progressed, over.io.progressed], [[], []]);
});
