import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ModuleExit, SpawnModuleOptions } from '../../src/host/index.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { built } from '../support/built.ts';
import { rawSession, startModule } from '../support/module.ts';
import { bytesPointer, message, NULL, structPointer, textWords } from '../support/wire-words.ts';
import { LIMIT, newStreamId, sourceFixture, TRANSPORTS, WireTap } from './helpers.ts';

const table = (...numbers: number[]): Uint8Array => new Uint8Array(Uint32Array.from(numbers).buffer);
const longId = 'i'.repeat(257);

/** What ends the connection, each with exit code 76. */
const fatal: Record<string, Uint8Array> = {
  'an HTTP request': new TextEncoder().encode('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'),
  'one word over the 16 MiB of a message': table(0, (16 << 20) / 8),
  'an envelope without a root': message([NULL]),
  'a requestId of 257 bytes': message([
    structPointer(0, 1, 2),
    [6, 0],
    bytesPointer(1, 258),
    NULL,
    ...textWords(longId),
  ]),
  'a health without a requestId': encodeEnvelope('health', '', EMPTY_PAYLOAD),
  'a stream frame without a requestId': encodeEnvelope('streamFrame', '', EMPTY_PAYLOAD),
};

for (const [what, bytes] of Object.entries(fatal)) {
  test(`${what} ends the connection with one error on the wire and code 76`, LIMIT, (t) =>
    checkFatal(t, { transport: what === 'an HTTP request' ? 'pipe' : 'socket' }, bytes),
  );
}

async function checkFatal(t: TestContext, options: SpawnModuleOptions, bytes: Uint8Array): Promise<void> {
  const tap = new WireTap();
  const module = startModule(t, {
    ...options,
    file: built.fixture('no-handlers'),
    workers: 1,
    onWire: tap.record,
  });
  // What came before is answered; what comes behind is not looked at.
  const health = module.health();
  rawSession(module).sendRaw(Buffer.concat([bytes, encodeEnvelope('shutdown', 'behind', EMPTY_PAYLOAD)]));
  await health;
  const exit = await module.exited;
  assert.equal(exit.code, 76);
  assert.deepEqual(
    tap.messages.map(({ type, requestId }) => [type, requestId]),
    [
      ['response', 'r1'],
      ['error', ''],
    ],
  );
  assert.equal(module.session.connectionError?.code, 'protocolViolation');
  assertOneLine(exit);
}

test('the limit of a message can be set, and counts the segment table in', LIMIT, async (t) => {
  const start = (): ReturnType<typeof startModule> =>
    startModule(t, { workers: 1, args: ['--max-message-bytes', '4096'] });
  const id = newStreamId();
  const overhead = new FrameEncoder(id).data(EMPTY_PAYLOAD).length;
  const [fits, tooLong] = [start(), start()];
  rawSession(fits).sendRaw(new FrameEncoder(id).data(new Uint8Array(4_096 - overhead)));
  rawSession(tooLong).sendRaw(new FrameEncoder(id).data(new Uint8Array(4_096 - overhead + 8)));
  await fits.health();
  const exit = await tooLong.exited;
  assert.equal(exit.code, 76);
  assert.match(exit.stderr, /4104|4096/);
});

for (const transport of TRANSPORTS) {
  test(
    `the end of the input inside a message is an end like any other, with a line, over ${transport}s`,
    LIMIT,
    async (t) => {
      const tap = new WireTap();
      const module = startModule(t, {
        transport,
        file: built.fixture('no-handlers'),
        workers: 1,
        onWire: tap.record,
      });
      const bytes = transport === 'pipe' ? 4 : 79;
      rawSession(module).sendRaw(new FrameEncoder(newStreamId()).close().subarray(0, bytes));
      module.endInput();
      const exit = await module.exited;
      assert.equal(exit.code, 0);
      assert.deepEqual(tap.messages, []);
      assertOneLine(exit);
      assert.match(exit.stderr, new RegExp(`inside a message.*\\b${bytes}\\b`));
    },
  );
}

for (const transport of TRANSPORTS) {
  test(
    `streams that send all the time neither hold up nor follow the last word, over ${transport}s`,
    LIMIT,
    async (t) => {
      const tap = new WireTap();
      const module = startModule(t, { transport, workers: 2, onWire: tap.record });
      const streams = ['100', '900000'].map((size) => {
        const metadata = Object.entries({ count: '1000000', size });
        return module.openStream('source', { metadata, initialCredit: 2 ** 31 - 1 });
      });
      await Promise.all(streams.map((stream) => stream.next()));
      rawSession(module).sendRaw(table(0xffff_ffff, 0xffff_ffff));
      const exit = await module.exited;
      assert.equal(exit.code, 76);
      const { type, requestId } = tap.messages.at(-1) ?? {};
      assert.deepEqual([type, requestId], ['error', '']);
      assert.equal(tap.messages.filter((message) => message.requestId === '').length, 1);
      for (const stream of streams) await assert.rejects(stream.closed);
    },
  );
}

for (const transport of TRANSPORTS) {
  test(`a host that says all at once gets all its answers, over ${transport}s`, LIMIT, async (t) => {
    for (const end of ['shutdown', 'end of input'] as const) {
      const module = startModule(t, { transport, workers: 1 });
      const initialized = module.initialize();
      const shutdown = end === 'shutdown' ? module.session.shutdown() : Promise.resolve();
      module.endInput();
      assert.equal((await initialized).moduleName, 'conformance');
      await shutdown;
      assert.equal((await module.exited).code, 0);
    }
  });
}

test('a host that closes at once learns that the module can not be loaded', LIMIT, async (t) => {
  for (const file of ['broken/not-there.ts', 'broken/syntax-error.js']) {
    const module = startModule(t, { file: sourceFixture(file), workers: 1 });
    module.endInput();
    const exit = await module.exited;
    assert.equal(exit.code, 78, file);
    assertOneLine(exit);
  }
});

/** One line for a person, no stack. */
function assertOneLine({ stderr }: ModuleExit): void {
  assert.match(stderr, /^ixt-module: [^\n]+\n$/);
}
