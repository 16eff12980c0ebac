import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError, type ServiceCall } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { call, callForOne, endsWith, LIMIT, TRANSPORTS } from './helpers.ts';

/** Answers with what it was asked, so that answers can't be mixed up unseen. */
function answerOf({ service, method, body, context }: ServiceCall): Buffer {
  return Buffer.concat([Buffer.from(`${service}/${method}/${context.tenant}:`), body]);
}

/** How many requests are made at once; none is answered before the last one is here, and the last one first. */
const TOGETHER = 40;

function newHost(): (request: ServiceCall) => Promise<Uint8Array> {
  let waiting: (() => void)[] = [];
  return async (request) => {
    if (request.service === 'failing') {
      throw new ModuleError('resourceExhausted', 'the host has none left', { details: Uint8Array.of(4, 2) });
    }
    if (request.service === 'together') {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < TOGETHER) return;
        for (const answer of waiting.toReversed()) answer();
        waiting = [];
      });
    }
    return answerOf(request);
  };
}

for (const transport of TRANSPORTS) {
  test(
    `a handler asks its host and gets the answer, or the host's error, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, {
        transport,
        file: built.fixture('services'),
        workers: 2,
        onService: newHost(),
      });
      const input = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(100_000).fill(2)];

      for (const method of ['sync', 'async']) {
        await t.test(`${method}: one after the other`, async () => {
          const answers = await call(module, method, { input, tenant: 'a' });
          assert.deepEqual(
            answers.map((answer) => Buffer.from(answer)),
            input.map((body) => Buffer.concat([Buffer.from(`${method}/${method}/a:`), body])),
          );
        });

        await t.test(`${method}: the host's error has its code, message and details`, async () => {
          const caught = JSON.parse(
            Buffer.from(await callForOne(module, `caught-${method}`)).toString(),
          ) as unknown;
          assert.deepEqual(caught, {
            name: 'ModuleError',
            code: 'resourceExhausted',
            message: 'the host has none left',
            details: [4, 2],
          });
        });

        await t.test(`${method}: uncaught, it ends the stream with that code`, async () => {
          const message = await endsWith(module.openStream(`uncaught-${method}`), 'resourceExhausted');
          assert.equal(message, 'the host has none left');
        });
      }

      await t.test('many at once, answered in another order', async () => {
        const bodies = Array.from({ length: TOGETHER }, (_, index) => new Uint8Array(index).fill(index));
        const answers = await call(module, 'together', { input: bodies, tenant: 'b' });
        assert.deepEqual(
          answers.map((answer) => Buffer.from(answer).toString('hex')),
          bodies.map((body) => Buffer.concat([Buffer.from('together//b:'), body]).toString('hex')),
        );
      });

      await t.test('a request that no message can carry is the handler’s own mistake', async () => {
        const stream = module.openStream('unsendable');
        const { value } = await stream.next();
        assert.match(Buffer.from(value ?? []).toString(), /"handlerFailed".*can't be sent/);
        await endsWith(stream, 'handlerFailed');
      });

      await t.test('from a unary request', async () => {
        const answer = await module.request('m', Uint8Array.of(65), { tenant: 'c' });
        assert.equal(Buffer.from(answer).toString(), 'unary/method/c:A');
      });
    },
  );
}

test('the conformance method service sends its input to the host', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, onService: newHost() });
  const metadata = { service: 'files', method: 'read' };
  const input = ['ab', '', 'c'].map((text) => Buffer.from(text));
  const answer = await callForOne(module, 'service', { metadata, input, tenant: 'd' });
  assert.equal(Buffer.from(answer).toString(), 'files/read/d:abc');
  const failing = module.openStream('service', { metadata: { service: 'failing', method: '' } });
  failing.end();
  await endsWith(failing, 'resourceExhausted');
});

test(
  'answers that were taken make room for others: more than the limit goes through in turn',
  LIMIT,
  async (t) => {
    const large = new Uint8Array(15 << 20);
    const module = startModule(t, {
      file: built.fixture('services'),
      workers: 1,
      onService: async () => large,
    });
    // 64 MiB may wait at once; these are 75 in all.
    for (let round = 0; round < 5; round++) {
      assert.equal((await module.request('unary', new Uint8Array(0))).length, large.length);
    }
  },
);
