import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../../src/wire/envelope.ts';
import { FRAME_ARM } from '../../../src/wire/frame.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { MessageDecoder, type MessageKind } from '../../../src/wire/message-decoder.ts';
import { parseStreamId, streamIdFromWords } from '../../../src/wire/stream-id.ts';
import { ENVELOPES, FRAME_MESSAGES, ID } from '../golden/wire.ts';

const OTHER = streamIdFromWords(1, 2, 3, 4);
/** Where the type stands in an envelope of one segment, and the arm in a frame below an envelope of a stream. */
const TYPE_AT = 16;
const ARM_AT = 80 + 32;

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function encoder(id: string = ID): FrameEncoder {
  const parsed = parseStreamId(id);
  assert.ok(parsed !== undefined);
  return new FrameEncoder(parsed);
}

function withUint16(message: Uint8Array, at: number, value: number): Uint8Array {
  const changed = message.slice();
  new DataView(changed.buffer).setUint16(at, value, true);
  return changed;
}

/** The frame below a whole message of a stream. */
function frameOf(message: Uint8Array): Uint8Array {
  return message.slice(80);
}

test('what the capnp tool wrote is of the kind that it was told to write, with its id and its payload', () => {
  const decoder = new MessageDecoder();
  for (const { type, requestId, payload, hex } of ENVELOPES) {
    if (type === 'streamFrame') continue;
    assert.equal(decoder.decode(fromHex(hex)), type);
    assert.deepEqual(
      [decoder.kind, decoder.requestId(), Buffer.from(decoder.payload()).toString('hex')],
      [type, requestId, payload],
    );
  }
  for (const [name, hex] of Object.entries(FRAME_MESSAGES)) {
    assert.equal(decoder.decode(fromHex(hex)), 'streamFrame', name);
    assert.equal(decoder.requestId(), ID);
  }
});

test('the id and the payload of Data are the same in the usual layout and in any other', () => {
  const decoder = new MessageDecoder();
  const data = Uint8Array.from({ length: 21 }, (_, index) => index + 1);
  const usual = encoder().data(data);
  // A word behind everything is legal, and no encoder of ours writes it.
  const other = new Uint8Array(usual.length + 8);
  other.set(usual);
  new DataView(other.buffer).setUint32(4, (usual.length - 8) / 8 + 1, true);
  for (const message of [usual, other]) {
    assert.equal(decoder.decode(message), 'streamFrame');
    const { arm, dataStart, dataEnd, start, end } = decoder.frame;
    assert.deepEqual(
      [arm, decoder.typeNumber, decoder.requestId(), message.slice(dataStart, dataEnd)],
      [FRAME_ARM.data, 9, ID, data],
    );
    assert.deepEqual(decoder.payload(), frameOf(usual));
    assert.deepEqual(message.slice(start, end), frameOf(usual));
  }
});

const WRONG: readonly (readonly [why: string, kind: MessageKind, message: Uint8Array, malformed?: string])[] =
  [
    ['an empty message', 'malformedEnvelope', new Uint8Array(0), 'framing'],
    [
      'half an envelope',
      'malformedEnvelope',
      encodeEnvelope('health', 'h', EMPTY_PAYLOAD).slice(0, 24),
      'segment-bounds',
    ],
    [
      'a type of a newer version',
      'unknownType',
      withUint16(encodeEnvelope('health', 'h', EMPTY_PAYLOAD), TYPE_AT, 10),
    ],
    [
      'the last type there can be',
      'unknownType',
      withUint16(encodeEnvelope('health', 'h', EMPTY_PAYLOAD), TYPE_AT, 0xffff),
    ],
    [
      'a frame without an id',
      'notAStreamId',
      encodeEnvelope('streamFrame', '', frameOf(encoder().close())),
      'request-id',
    ],
    [
      'an id with one digit more',
      'notAStreamId',
      encodeEnvelope('streamFrame', `${ID}0`, frameOf(encoder().close())),
      'request-id',
    ],
    [
      'an id in capitals',
      'notAStreamId',
      encodeEnvelope('streamFrame', ID.toUpperCase(), frameOf(encoder().close())),
      'request-id',
    ],
    ['an empty frame', 'malformedFrame', encodeEnvelope('streamFrame', ID, EMPTY_PAYLOAD), 'framing'],
    [
      'a frame that is cut off',
      'malformedFrame',
      encodeEnvelope('streamFrame', ID, frameOf(encoder().close()).slice(0, 40)),
      'segment-bounds',
    ],
    [
      'the close of another stream',
      'malformedFrame',
      encodeEnvelope('streamFrame', ID, frameOf(encoder(OTHER).close())),
      'id-mismatch',
    ],
    [
      'the Data of another stream',
      'malformedFrame',
      encodeEnvelope('streamFrame', ID, frameOf(encoder(OTHER).data(new Uint8Array(8)))),
      'id-mismatch',
    ],
    ['the last arm there can be', 'unknownArm', withUint16(encoder().close(), ARM_AT, 0xffff), 'union-arm'],
  ];

for (const [why, kind, message, malformed] of WRONG) {
  test(`${why} is of the kind ${kind}`, () => {
    const decoder = new MessageDecoder();
    assert.equal(decoder.decode(message), kind);
    if (malformed === undefined) assert.throws(() => decoder.malformed, /^Error: Nothing is malformed/);
    else assert.equal(decoder.malformed.what, malformed);
  });
}

test('nothing of one message is said of the next, whatever the two are', () => {
  const messages: Uint8Array[] = [...WRONG.map(([, , message]) => message)];
  messages.push(encoder().data(new Uint8Array(3)), encoder(OTHER).credit(7), encoder().cancel('why'));
  messages.push(encodeEnvelope('handle', 'r', new Uint8Array(4)));
  const describe = (decoder: MessageDecoder, message: Uint8Array): unknown[] => {
    const kind = decoder.decode(message);
    const { arm, id3, credit, dataStart, dataEnd } = decoder.frame;
    const frame = kind === 'streamFrame' ? [arm, id3, credit, dataEnd - dataStart] : [];
    let malformed: string | undefined;
    try {
      malformed = decoder.malformed.what;
    } catch (error) {
      malformed = String(error);
    }
    return [kind, decoder.typeNumber, decoder.requestId(), decoder.payload().length, malformed, ...frame];
  };
  const used = new MessageDecoder();
  for (const before of messages) {
    for (const message of messages) {
      describe(used, before);
      assert.deepEqual(describe(used, message), describe(new MessageDecoder(), message));
    }
  }
});

test('a message is read where it lies in its buffer', () => {
  const message = encoder().cancel('enough');
  const around = new Uint8Array(message.length + 64).fill(0xee);
  around.set(message, 37);
  const decoder = new MessageDecoder();
  assert.equal(decoder.decode(around, 37, 37 + message.length), 'streamFrame');
  assert.equal(decoder.frame.cancelReason(), 'enough');
});

test('before the first message nothing is malformed', () => {
  assert.throws(() => new MessageDecoder().malformed, /no message has been decoded yet/);
});
