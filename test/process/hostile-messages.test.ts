import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isModuleError, type ModuleError } from '../../src/errors.ts';
import { encodeHandleRequest, encodeInitialize } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import type { MessageType } from '../../src/wire/message-type.ts';
import { rawSession, startModule } from '../support/module.ts';
import {
  bytesPointer,
  byteWords,
  message,
  NULL,
  structPointer,
  textWords,
  type Word,
} from '../support/wire-words.ts';
import { endsWith, finishEcho, LIMIT, newStreamId, runningEcho, WireTap } from './helpers.ts';

const GARBAGE = new TextEncoder().encode('this is no message at all, at least none of ours');

/** An envelope whose type is any number. */
function ofType(type: number, requestId: string): Uint8Array {
  const id = textWords(requestId);
  const text = bytesPointer(1, requestId.length + 1);
  return message([structPointer(0, 1, 2), [type, 0], text, NULL, ...id]);
}

/** A struct whose one text or data field is three bytes that are no UTF-8; the pointers before it are null. */
function badText(dataWords: number, pointers: number, at: number): Uint8Array {
  const section = Array.from({ length: pointers }, (_, index): Word =>
    index === at ? bytesPointer(pointers - 1 - index, 3) : NULL,
  );
  const data = Array.from({ length: dataWords }, () => NULL);
  return message([structPointer(0, dataWords, pointers), ...data, ...section, ...byteWords([0xc3, 0x28, 0])]);
}

test(
  'requests that the module can not understand are answered, and nothing else is hurt',
  LIMIT,
  async (t) => {
    const tap = new WireTap();
    const module = startModule(t, { workers: 1, onWire: tap.record });
    const raw = rawSession(module);
    const neighbour = await runningEcho(module);

    /** Sends one message and gives the error that answers it; exactly one must come. */
    async function refusalOf(requestId: string, bytes: Uint8Array): Promise<ModuleError> {
      const answer = raw.expectAnswer(requestId);
      raw.sendRaw(bytes);
      const error: unknown = await answer.catch((cause: unknown) => cause);
      assert.ok(isModuleError(error), `${requestId} was answered with a response`);
      await module.health();
      assert.deepEqual(tap.of(requestId), ['error']);
      return error;
    }

    for (const type of [10, 11, 255, 256, 0xffff]) {
      await t.test(`message type ${type}: unimplemented, and taken for no other type`, async () => {
        const { code, message: text } = await refusalOf(`type-${type}`, ofType(type, `type-${type}`));
        assert.equal(code, 'unimplemented');
        assert.match(text, new RegExp(`\\b${type}\\b`));
      });
    }

    for (const type of ['response', 'serviceRequest'] as const) {
      await t.test(`${type}, which only the module sends: protocolViolation`, async () => {
        const { code } = await refusalOf(type, encodeEnvelope(type, type, EMPTY_PAYLOAD));
        assert.equal(code, 'protocolViolation');
      });
    }

    await t.test('an error for a request that nobody has made is ignored', async () => {
      raw.sendRaw(encodeEnvelope('error', 'nobody', EMPTY_PAYLOAD));
      raw.sendRaw(encodeEnvelope('serviceResponse', 'nobody', EMPTY_PAYLOAD));
      await module.health();
      assert.deepEqual(tap.of('nobody'), []);
    });

    const malformed: [MessageType, string, Uint8Array][] = [
      ...(['handle', 'initialize', 'health', 'shutdown', 'kvChangeNotification'] as const).map(
        (type): [MessageType, string, Uint8Array] => [type, 'no message', GARBAGE],
      ),
      [
        'handle',
        'cut short',
        encodeHandleRequest({ context: { method: 'echo' }, body: GARBAGE }).subarray(0, 24),
      ],
      ['initialize', 'a name that is no UTF-8', badText(1, 3, 0)],
      ['kvChangeNotification', 'a key that is no UTF-8', badText(2, 2, 0)],
    ];
    for (const [index, [type, what, payload]] of malformed.entries()) {
      await t.test(`${type} with a payload that is ${what}: protocolViolation`, async () => {
        const requestId = `malformed-${index}`;
        const { code } = await refusalOf(requestId, encodeEnvelope(type, requestId, payload));
        assert.equal(code, 'protocolViolation');
      });
    }

    await t.test('a malformed key-value change without an id is dropped, and nobody is told', async () => {
      raw.sendRaw(encodeEnvelope('kvChangeNotification', '', GARBAGE));
      await module.health();
      assert.deepEqual(tap.of(''), []);
    });

    await t.test('trailing bytes behind a payload: protocolViolation', async () => {
      const payload = Buffer.concat([
        encodeHandleRequest({ context: { method: 'echo' } }),
        new Uint8Array(8),
      ]);
      const { code } = await refusalOf('trailing', encodeEnvelope('handle', 'trailing', payload));
      assert.equal(code, 'protocolViolation');
    });

    await t.test(
      'a protocol version that the module does not speak: unimplemented, and it names its own',
      async () => {
        const payload = encodeInitialize({ protocolVersion: 2 });
        const { code, message: text } = await refusalOf(
          'version',
          encodeEnvelope('initialize', 'version', payload),
        );
        assert.equal(code, 'unimplemented');
        assert.match(text, /\b1\b/);
      },
    );

    const notIds = [
      'not-hex',
      'g'.repeat(32),
      'A'.repeat(32),
      'a'.repeat(31),
      'a'.repeat(33),
      'ä'.repeat(16),
    ];
    for (const requestId of notIds) {
      await t.test(`a stream frame for '${requestId}': a request-level protocolViolation`, async () => {
        const { payload } = { payload: encodeEnvelope('streamFrame', requestId, EMPTY_PAYLOAD) };
        assert.equal((await refusalOf(requestId, payload)).code, 'protocolViolation');
      });
    }

    await t.test(
      'an InvocationContext over 64 KiB or 256 entries: invalidArgument, for both kinds of call',
      async () => {
        const large = { metadata: { key: 'x'.repeat(65_536) } };
        const many = { metadata: Array.from({ length: 257 }, (_, index) => [`k${index}`, ''] as const) };
        for (const options of [large, many]) {
          await endsWith(module.openStream('context', options), 'invalidArgument');
          await assert.rejects(module.request('echo', EMPTY_PAYLOAD, options), { code: 'invalidArgument' });
        }
        // The context is checked before the window and the method.
        await endsWith(module.openStream('nope', { ...many, initialCredit: 0xffff_ffff }), 'invalidArgument');
      },
    );

    await t.test('256 entries, and a duplicate key, are fine', async () => {
      const metadata = Array.from({ length: 256 }, (_, index) => [`k${index % 255}`, ''] as const);
      const queued = module.openStream('context', { metadata });
      queued.cancel('it was accepted');
      await endsWith(queued, 'cancelled');
    });

    await t.test('a message may come one byte a write', async () => {
      const id = newStreamId();
      const encoder = new FrameEncoder(id);
      for (const byte of encoder.cancel('byte by byte')) raw.sendRaw(Uint8Array.of(byte));
      await module.health();
      assert.deepEqual(tap.of(id), []);
    });

    await t.test('a requestId of 256 bytes is answered under that id', async () => {
      const requestId = 'i'.repeat(256);
      const answer = raw.expectAnswer(requestId);
      raw.sendRaw(encodeEnvelope('health', requestId, EMPTY_PAYLOAD));
      await answer;
    });

    await t.test('the neighbour never noticed', () => finishEcho(neighbour));
  },
);
