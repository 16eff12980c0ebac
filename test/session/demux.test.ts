import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeHandleRequest, encodeInitialize, encodeKvChange } from '../../src/wire/payload-encode.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { MalformedError } from '../../src/wire/capnp/malformed.ts';
import type { MessageType } from '../../src/wire/message-type.ts';
import { decodeIpcError } from '../../src/wire/payload-decode.ts';
import { idOf, RouterBench } from '../support/router-bench.ts';

/** Where `messageType` stands in an envelope of one segment: behind table and root pointer. */
const TYPE_AT = 16;

/** An envelope with any number for its type. */
function ofType(number: number, requestId: string, payload: Uint8Array = EMPTY_PAYLOAD): Uint8Array {
  const message = encodeEnvelope('handle', requestId, payload);
  new DataView(message.buffer).setUint16(TYPE_AT, number, true);
  return message;
}

/** The error that main sent to a request. */
function refusalOf(bench: RouterBench, requestId: string): { code: string; message: string } {
  const [message, ...more] = bench.take();
  assert.equal(more.length, 0);
  assert.equal(message?.type, 'error');
  assert.equal(message?.requestId, requestId);
  return decodeIpcError(message?.payload ?? EMPTY_PAYLOAD);
}

/** Routes what must end the connection. */
function endsConnection(bench: RouterBench, message: Uint8Array): void {
  assert.throws(() => bench.host(message), MalformedError);
  assert.deepEqual(bench.takeBrief(), []);
}

test('each type goes where it belongs', () => {
  const bench = new RouterBench();
  bench.host(
    encodeEnvelope('initialize', 'i', encodeInitialize({})),
    encodeEnvelope('health', 'h', EMPTY_PAYLOAD),
    encodeEnvelope('shutdown', 's', EMPTY_PAYLOAD),
    encodeEnvelope('serviceResponse', 'r', EMPTY_PAYLOAD),
    encodeEnvelope('error', 'e', encodeIpcError({ code: 'internal', message: '' })),
  );
  assert.deepEqual(bench.routed, [
    'initialize i',
    'health h',
    'shutdown s',
    'service r true',
    'service e false',
  ]);
  bench.host(encodeEnvelope('handle', 'u', encodeHandleRequest({ context: { invocationId: 'u' } })));
  assert.deepEqual(
    bench.dispatched.map(({ id }) => id),
    ['u'],
  );
  assert.equal(bench.demux.messages, 6);
});

test('a key-value notification is never taken for anything else, with or without a requestId', () => {
  const bench = new RouterBench();
  const change = encodeKvChange({ key: 'k', value: new Uint8Array(3) });
  bench.host(
    encodeEnvelope('kvChangeNotification', 'x', change),
    encodeEnvelope('kvChangeNotification', '', change),
  );
  assert.deepEqual(bench.routed, [`kv ${change.length}`, `kv ${change.length}`]);
  assert.deepEqual(bench.dispatched, []);
});

test('a type that this module does not know is unimplemented, whichever it is', () => {
  for (const type of [10, 11, 255, 0x7fff, 0xffff]) {
    const bench = new RouterBench();
    bench.host(ofType(type, 'new', encodeHandleRequest({})));
    const { code, message } = refusalOf(bench, 'new');
    assert.equal(code, 'unimplemented');
    assert.match(message, new RegExp(`\\b${type}\\b`));
    assert.deepEqual([bench.routed, bench.dispatched], [[], []]);
  }
});

test('a type that only the module may send is a protocolViolation', () => {
  for (const type of ['response', 'serviceRequest'] as const) {
    const bench = new RouterBench();
    bench.host(encodeEnvelope(type, 'x', EMPTY_PAYLOAD));
    assert.equal(refusalOf(bench, 'x').code, 'protocolViolation');
  }
});

test('an empty requestId ends the connection, but for key-value notifications', () => {
  const types: MessageType[] = ['handle', 'response', 'error', 'serviceRequest', 'serviceResponse'];
  types.push('initialize', 'health', 'shutdown', 'streamFrame');
  for (const type of types) endsConnection(new RouterBench(), encodeEnvelope(type, '', EMPTY_PAYLOAD));
  endsConnection(new RouterBench(), ofType(10, ''));
});

test('an envelope that can’t be decoded ends the connection', () => {
  const sound = encodeEnvelope('health', 'h', EMPTY_PAYLOAD);
  endsConnection(new RouterBench(), sound.subarray(0, sound.length - 8));
  endsConnection(new RouterBench(), new Uint8Array(8));
  const requestId = sound.slice();
  requestId[40] = 0xff;
  endsConnection(new RouterBench(), requestId);
  const longest = encodeEnvelope('health', 'x'.repeat(256), EMPTY_PAYLOAD);
  new RouterBench().host(longest);
  // One byte more in the list pointer; the words behind it are there.
  const tooLong = encodeEnvelope('health', 'x'.repeat(256), EMPTY_PAYLOAD);
  const view = new DataView(tooLong.buffer);
  view.setUint32(28, view.getUint32(28, true) + (1 << 3), true);
  endsConnection(new RouterBench(), tooLong);
});

test('a malformed unary payload is a protocolViolation of that request alone', () => {
  const junk = new Uint8Array(24).fill(0xee);
  for (const type of ['handle'] as const) {
    const bench = new RouterBench();
    bench.host(encodeEnvelope(type, 'x', junk));
    assert.equal(refusalOf(bench, 'x').code, 'protocolViolation');
    bench.host(encodeEnvelope('handle', 'y', encodeHandleRequest({ context: { invocationId: 'y' } })));
    assert.equal(bench.dispatched.length, 1, 'the next one is served');
  }
});

test('a stream frame under a requestId that is no stream id is refused as a request', () => {
  const close = new FrameEncoder(idOf(1)).close().subarray(80);
  const wrong = [
    'x',
    idOf(10).toUpperCase(),
    idOf(1).slice(1),
    `${idOf(1)}0`,
    ` ${idOf(1).slice(1)}`,
    'é'.repeat(16),
  ];
  for (const requestId of wrong) {
    const bench = new RouterBench();
    bench.host(encodeEnvelope('streamFrame', requestId, close));
    assert.equal(refusalOf(bench, requestId).code, 'protocolViolation');
    assert.equal(bench.streams.lateFrames, 0);
  }
});

test('a frame that can’t be understood is a protocolViolation for the envelope’s id, live or not, and no more', () => {
  const frame = new FrameEncoder(idOf(1));
  const unknownArm = frame.close();
  new DataView(unknownArm.buffer, unknownArm.byteOffset).setUint16(80 + 32, 6, true);
  const frames: Record<string, Uint8Array> = {
    'an empty payload': encodeEnvelope('streamFrame', idOf(1), EMPTY_PAYLOAD),
    junk: encodeEnvelope('streamFrame', idOf(1), new Uint8Array(24).fill(0xee)),
    'a frame that is cut off': encodeEnvelope('streamFrame', idOf(1), frame.close().subarray(80, 80 + 40)),
    'trailing bytes': encodeEnvelope(
      'streamFrame',
      idOf(1),
      new Uint8Array([...frame.close().subarray(80), ...new Uint8Array(8)]),
    ),
    'an unknown arm': unknownArm,
    'another id': encodeEnvelope('streamFrame', idOf(1), new FrameEncoder(idOf(2)).close().subarray(80)),
  };
  for (const [what, message] of Object.entries(frames)) {
    const bench = new RouterBench({ workers: 2 });
    bench.host(message);
    assert.deepEqual(bench.takeBrief(), ['1 protocolViolation'], what);
    bench.host(
      encodeOpenFrame(idOf(1), { method: 'echo' }),
      encodeOpenFrame(idOf(2), { method: 'echo' }),
      message,
    );
    assert.equal(bench.dispatched[0]?.job.control.cause, 'protocolViolation', what);
    assert.equal(bench.dispatched[1]?.job.control.cause, undefined, what);
    assert.deepEqual(bench.takeBrief(), [], what);
  }
});

test('a message in the middle of a read buffer is read where it lies', () => {
  const bench = new RouterBench();
  const message = encodeOpenFrame(idOf(1), { method: 'echo' });
  const around = new Uint8Array(message.length + 100).fill(0xee);
  around.set(message, 37);
  bench.demux.route(around, 37, 37 + message.length);
  assert.equal(bench.dispatched.length, 1);
});
