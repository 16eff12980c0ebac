import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeHandleRequest, encodeInitialize, encodeKvChange } from '../../src/wire/payload-encode.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { Demux } from '../../src/main/input/demux.ts';
import { EXIT } from '../../src/main/options.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';
import type { MessageType } from '../../src/wire/message-type.ts';
import { decodeIpcError } from '../../src/wire/payload-decode.ts';
import { MainHarness } from '../support/main-harness.ts';
import { idOf } from '../support/module-facts.ts';

/** Where `messageType` stands in an envelope of one segment: behind table and root pointer. */
const TYPE_AT = 16;

/** An envelope with any number for its type. */
function ofType(number: number, requestId: string, payload: Uint8Array = EMPTY_PAYLOAD): Uint8Array {
  const message = encodeEnvelope('handle', requestId, payload);
  new DataView(message.buffer).setUint16(TYPE_AT, number, true);
  return message;
}

/** The error that main sent to a request. */
async function refusalOf(
  harness: MainHarness,
  requestId: string,
): Promise<{ code: string; message: string }> {
  const [message, ...more] = await harness.take();
  assert.equal(more.length, 0);
  assert.equal(message?.type, 'error');
  assert.equal(message?.requestId, requestId);
  return decodeIpcError(message?.payload ?? EMPTY_PAYLOAD);
}

/** The host writes what must end the connection. */
async function endsConnection(harness: MainHarness, message: Uint8Array): Promise<void> {
  harness.host(message);
  assert.equal((await refusalOf(harness, '')).code, 'protocolViolation');
  assert.deepEqual(harness.exits, [EXIT.protocol]);
}

/** The message without its last word, which its segment table does not promise any more. */
function cutByAWord(message: Uint8Array): Uint8Array {
  const cut = message.slice(0, -8);
  const table = new DataView(cut.buffer);
  table.setUint32(4, table.getUint32(4, true) - 1, true);
  return cut;
}

/** A demux alone, and where it has sent what. */
class Routed {
  readonly log: string[] = [];
  readonly demux = new Demux(DEFAULT_WIRE_LIMITS, {
    streams: {
      onFrame: () => void this.log.push('frame'),
      onMalformed: () => void this.log.push('malformed frame'),
    },
    requests: { onHandle: (requestId) => void this.log.push(`handle ${requestId}`) },
    lifecycle: {
      onInitialize: (requestId) => void this.log.push(`initialize ${requestId}`),
      onShutdown: (requestId) => void this.log.push(`shutdown ${requestId}`),
      onHealth: (requestId) => void this.log.push(`health ${requestId}`),
    },
    keyValues: {
      onChange: (payload) => void this.log.push(`kv ${payload.length}`),
      onMalformed: () => void this.log.push('malformed kv'),
    },
    services: { onAnswer: (requestId, ok) => void this.log.push(`service ${requestId} ${ok}`) },
    answers: { refuse: (requestId) => void this.log.push(`refused ${requestId}`) },
  });

  host(...messages: Uint8Array[]): void {
    for (const message of messages) this.demux.route(message, 0, message.length);
  }
}

test('each type goes where it belongs', async () => {
  const routed = new Routed();
  routed.host(
    encodeEnvelope('initialize', 'i', encodeInitialize({})),
    encodeEnvelope('health', 'h', EMPTY_PAYLOAD),
    encodeEnvelope('shutdown', 's', EMPTY_PAYLOAD),
    encodeEnvelope('serviceResponse', 'r', EMPTY_PAYLOAD),
    encodeEnvelope('error', 'e', encodeIpcError({ code: 'internal', message: '' })),
  );
  assert.deepEqual(routed.log, [
    'initialize i',
    'health h',
    'shutdown s',
    'service r true',
    'service e false',
  ]);
  routed.host(encodeEnvelope('handle', 'u', encodeHandleRequest({ context: { invocationId: 'u' } })));
  assert.deepEqual(routed.log.slice(5), ['handle u']);
  assert.equal(routed.demux.messages, 6);
});

test('a key-value notification is never taken for anything else, with or without a requestId', async () => {
  const routed = new Routed();
  const change = encodeKvChange({ key: 'k', value: new Uint8Array(3) });
  routed.host(
    encodeEnvelope('kvChangeNotification', 'x', change),
    encodeEnvelope('kvChangeNotification', '', change),
  );
  assert.deepEqual(routed.log, [`kv ${change.length}`, `kv ${change.length}`]);
});

test('a type that this module does not know is unimplemented, whichever it is', async () => {
  for (const type of [10, 11, 255, 0x7fff, 0xffff]) {
    const harness = new MainHarness();
    harness.host(ofType(type, 'new', encodeHandleRequest({})));
    const { code, message } = await refusalOf(harness, 'new');
    assert.equal(code, 'unimplemented');
    assert.match(message, new RegExp(`\\b${type}\\b`));
    assert.deepEqual(harness.tasks, []);
  }
});

test('a type that only the module may send is a protocolViolation', async () => {
  for (const type of ['response', 'serviceRequest'] as const) {
    const harness = new MainHarness();
    harness.host(encodeEnvelope(type, 'x', EMPTY_PAYLOAD));
    assert.equal((await refusalOf(harness, 'x')).code, 'protocolViolation');
  }
});

test('an empty requestId ends the connection, but for key-value notifications', async () => {
  const types: MessageType[] = ['handle', 'response', 'error', 'serviceRequest', 'serviceResponse'];
  types.push('initialize', 'health', 'shutdown', 'streamFrame');
  for (const type of types) await endsConnection(new MainHarness(), encodeEnvelope(type, '', EMPTY_PAYLOAD));
  await endsConnection(new MainHarness(), ofType(10, ''));
});

test('an envelope that can’t be decoded ends the connection', async () => {
  const sound = encodeEnvelope('health', 'h', EMPTY_PAYLOAD);
  await endsConnection(new MainHarness(), cutByAWord(sound));
  await endsConnection(new MainHarness(), new Uint8Array(8));
  const requestId = sound.slice();
  requestId[40] = 0xff;
  await endsConnection(new MainHarness(), requestId);
  const longest = encodeEnvelope('health', 'x'.repeat(256), EMPTY_PAYLOAD);
  new MainHarness().host(longest);
  // One byte more in the list pointer; the words behind it are there.
  const tooLong = encodeEnvelope('health', 'x'.repeat(256), EMPTY_PAYLOAD);
  const view = new DataView(tooLong.buffer);
  view.setUint32(28, view.getUint32(28, true) + (1 << 3), true);
  await endsConnection(new MainHarness(), tooLong);
});

test('a malformed unary payload is a protocolViolation of that request alone', async () => {
  const junk = new Uint8Array(24).fill(0xee);
  for (const type of ['handle'] as const) {
    const harness = new MainHarness();
    harness.host(encodeEnvelope(type, 'x', junk));
    assert.equal((await refusalOf(harness, 'x')).code, 'protocolViolation');
    harness.host(encodeEnvelope('handle', 'y', encodeHandleRequest({ context: { invocationId: 'y' } })));
    assert.equal(harness.tasks.length, 1, 'the next one is served');
  }
});

test('a stream frame under a requestId that is no stream id is refused as a request', async () => {
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
    const harness = new MainHarness();
    harness.host(encodeEnvelope('streamFrame', requestId, close));
    assert.equal((await refusalOf(harness, requestId)).code, 'protocolViolation');
    assert.equal(harness.stats.lateFrames, 0);
  }
});

test('a frame that can’t be understood is a protocolViolation for the envelope’s id, live or not, and no more', async () => {
  const frame = new FrameEncoder(idOf(1));
  const unknownArm = frame.close();
  new DataView(unknownArm.buffer, unknownArm.byteOffset).setUint16(80 + 32, 7, true);
  // A capability where the Data should be.
  const progressOfNoData = frame.progress(new Uint8Array(0));
  new DataView(progressOfNoData.buffer, progressOfNoData.byteOffset).setUint32(80 + 40, 3, true);
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
    'an arm that only a module sends': new FrameEncoder(idOf(1)).progress(new Uint8Array(3)),
    'the same arm with what is no Data': progressOfNoData,
    'another id': encodeEnvelope('streamFrame', idOf(1), new FrameEncoder(idOf(2)).close().subarray(80)),
  };
  for (const [what, message] of Object.entries(frames)) {
    const harness = new MainHarness({ workers: 2 });
    harness.host(message);
    assert.deepEqual(await harness.takeBrief(), ['1 protocolViolation'], what);
    harness.host(
      encodeOpenFrame(idOf(1), { method: 'echo' }),
      encodeOpenFrame(idOf(2), { method: 'echo' }),
      message,
    );
    assert.equal(harness.tasks[0]?.job.control.cause, 'protocolViolation', what);
    assert.equal(harness.tasks[1]?.job.control.cause, undefined, what);
    assert.deepEqual(await harness.takeBrief(), [], what);
  }
});

test('a message in the middle of a read buffer is read where it lies', async () => {
  const routed = new Routed();
  const message = encodeOpenFrame(idOf(1), { method: 'echo' });
  const around = new Uint8Array(message.length + 100).fill(0xee);
  around.set(message, 37);
  routed.demux.route(around, 37, 37 + message.length);
  assert.deepEqual(routed.log, ['frame']);
});
