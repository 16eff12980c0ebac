import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Message } from 'capnp-es';
import { IpcEnvelope } from '../../schema/generated/ipc.ts';
import { StreamFrame } from '../../schema/generated/ipc_streaming.ts';
import { MESSAGE_TYPES } from '../../src/wire/message-type.ts';
import { capnp, schemaFileOf, splitMessages } from '../support/capnp.ts';
import { decodeMessage, type DecodedFrame } from '../support/decoded-message.ts';
import { MESSAGES, PAYLOADS } from '../support/message-arbitraries.ts';

const SAMPLES = { numRuns: 100, seed: Number(process.env['IXT_FUZZ_SEED'] ?? Date.now() % 2 ** 31) };
/** In words; with 1 each object has a segment of its own. */
const SEGMENTS = [1, 3, 16, 1024] as const;

/** What the capnp tool reads in `messages`, written by it in segments of that many words. */
function rewritten(struct: string, messages: readonly Uint8Array[], segmentWords: number): Uint8Array[] {
  const size = `--segment-size=${segmentWords}`;
  const args = ['convert', size, 'binary:binary', schemaFileOf(struct), struct];
  return splitMessages(capnp(args, Buffer.concat(messages)));
}

for (const { struct, any, read } of PAYLOADS) {
  test(`any ${struct} of ours says to the capnp tool what it says to us, in segments of any size`, (t) => {
    t.diagnostic(`IXT_FUZZ_SEED=${SAMPLES.seed}`);
    const samples = fc.sample(any, SAMPLES);
    for (const segmentWords of SEGMENTS) {
      const ours = samples.map(({ bytes }) => bytes);
      const theirs = rewritten(struct, ours, segmentWords);
      samples.forEach(({ expected }, i) => {
        assert.deepEqual(structuredClone(read(theirs[i]!)), structuredClone(expected));
      });
    }
  });
}

/** Whole messages of the hot codec: any envelope, and each arm of a frame. */
const messages = MESSAGES.flatMap(({ any, read }) =>
  fc.sample(any, SAMPLES).map(({ bytes, expected }) => ({ bytes, expected, read })),
);

test('any message of the hot codec says to the capnp tool what it says to us, in segments of any size', () => {
  const ours = messages.map(({ bytes }) => bytes);
  for (const segmentWords of SEGMENTS) {
    const theirs = rewritten('IpcEnvelope', ours, segmentWords);
    messages.forEach(({ read, expected }, i) => {
      assert.deepEqual(structuredClone(read(theirs[i]!)), structuredClone(expected));
    });
  }
});

test('any message of the hot codec says to capnp-es what it says to us', () => {
  for (const { bytes } of messages) {
    const envelope = new Message(bytes, false).getRoot(IpcEnvelope);
    const { type, requestId, payload, frame } = sound(bytes);
    assert.equal(MESSAGE_TYPES[envelope.messageType], type);
    assert.equal(envelope.requestId, withoutMark(requestId));
    // capnp-es gives a null pointer's Data no bytes to look at.
    if (payload.length > 0) assert.deepEqual(plain(envelope.payload.toUint8Array()), plain(payload));
    if (frame === undefined) continue;
    const theirs = new Message(plain(envelope.payload.toUint8Array()), false).getRoot(StreamFrame);
    assert.deepEqual(summaryOfTheirs(theirs), summaryOfOurs(frame));
  }
});

/** The envelope of any type may hold any bytes; only those that were made as frames are read as such. */
function sound(bytes: Uint8Array): ReturnType<typeof decodeMessage> {
  try {
    return decodeMessage(bytes);
  } catch {
    const { messageType, requestId, payload } = new Message(bytes, false).getRoot(IpcEnvelope);
    return { type: MESSAGE_TYPES[messageType], requestId, payload: payload.toUint8Array() };
  }
}

function summaryOfTheirs(frame: StreamFrame): unknown {
  switch (frame.which()) {
    case StreamFrame.OPEN: {
      const { context, initialCredit } = frame.open;
      // A UInt32 with a default reads as negative from 2^31 on.
      return [
        'open',
        context.method,
        context.metadata.length,
        Number(context.deadlineUnixMs),
        initialCredit >>> 0,
      ];
    }
    case StreamFrame.DATA:
      return ['data', frame._hasData() ? plain(frame.data.toUint8Array()) : new Uint8Array(0)];
    case StreamFrame.PROGRESS:
      return ['progress', frame._hasProgress() ? plain(frame.progress.toUint8Array()) : new Uint8Array(0)];
    case StreamFrame.CREDIT:
      return ['credit', frame.credit];
    case StreamFrame.CLOSE:
      return ['close'];
    case StreamFrame.CANCEL:
      return ['cancel', frame.cancel];
    case StreamFrame.ERROR:
      return ['error', frame.error.code, frame.error.message];
  }
}

function summaryOfOurs(frame: DecodedFrame): unknown {
  switch (frame.arm) {
    case 'open': {
      const { context, initialCredit } = frame;
      const { method, metadata, deadlineUnixMs } = context;
      return ['open', withoutMark(method), metadata.length, deadlineUnixMs, initialCredit];
    }
    case 'data':
      return ['data', plain(frame.data)];
    case 'progress':
      return ['progress', plain(frame.value)];
    case 'credit':
      return ['credit', frame.bytes];
    case 'close':
      return ['close'];
    case 'cancel':
      return ['cancel', withoutMark(frame.reason)];
    case 'error':
      return ['error', frame.codeNumber, withoutMark(frame.message)];
  }
}

/** capnp-es drops a byte order mark at the beginning of a text. */
function withoutMark(text: string): string {
  return text.startsWith('\u{feff}') ? text.slice(1) : text;
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
