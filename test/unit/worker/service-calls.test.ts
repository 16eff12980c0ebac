import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import type { Services } from '../../../src/handle/server-stream.ts';
import { ServiceCalls } from '../../../src/worker/jobs/services.ts';

/** The message limit of these threads, in bytes. */
const MAX_MESSAGE = 4096;

/** One thread's service calls; what it posts is copied as a port would copy it. */
class Bench {
  readonly sent: number[] = [];
  readonly bodies: Uint8Array[] = [];
  readonly abandoned: number[] = [];
  isCancelled = false;
  onBlock = (): void => {};
  readonly calls = new ServiceCalls(
    {
      send: (sequence, service, method, body, context) => {
        structuredClone({ sequence, service, method, body, context });
        this.sent.push(sequence);
        this.bodies.push(body);
      },
      abandon: (sequence) => this.abandoned.push(sequence),
      block: () => this.onBlock(),
    },
    MAX_MESSAGE,
  );

  services(job: number): Services {
    return this.calls.for({
      job,
      context: EMPTY_CONTEXT,
      throwIfCancelled: () => {
        if (this.isCancelled) throw new Error('cancelled');
      },
    });
  }
}

const NOTHING = new Uint8Array(0);

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

/** What no message can carry, though JavaScript lets a handler give it. */
const SPOILT: Record<string, readonly unknown[]> = {
  'a symbol': [Symbol('s'), 'm', NOTHING],
  'a function': ['s', () => {}, NOTHING],
  'a body that was transferred': ['s', 'm', detached()],
  'a body of text': ['s', 'm', 'text'],
  'no body': ['s', 'm'],
};

for (const [what, given] of Object.entries(SPOILT)) {
  test(`a request with ${what} fails at once, and leaves nothing behind`, async (t) => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    t.after(() => process.off('unhandledRejection', listen));
    const bench = new Bench();
    const services = bench.services(1);
    await assert.rejects(services.request(...(given as [string, string, Uint8Array])), {
      code: 'handlerFailed',
    });
    assert.throws(() => services.requestSync(...(given as [string, string, Uint8Array])), {
      code: 'handlerFailed',
    });
    bench.calls.abandon(1, () => new Error('the stream has ended'));
    await turn();
    assert.deepEqual([bench.sent, bench.abandoned, unhandled], [[], [], []]);
  });
}

test('requests that nobody waits for any more are told to main, and only those', async () => {
  const bench = new Bench();
  const answered = bench.services(1).request('s', 'm', NOTHING);
  const left = bench.services(1).request('s', 'm', NOTHING);
  const other = bench.services(2).request('s', 'm', NOTHING);
  const [first = 0, second = 0, third = 0] = bench.sent;
  bench.calls.settle(first, { body: Uint8Array.of(1) });
  assert.deepEqual(await answered, Uint8Array.of(1));
  bench.calls.abandon(1, () => new Error('over'));
  await assert.rejects(left, /over/);
  assert.deepEqual(bench.abandoned, [second]);
  // The host answers late.
  bench.calls.settle(second, { body: NOTHING });
  bench.calls.settle(third, { body: Uint8Array.of(3) });
  assert.deepEqual(await other, Uint8Array.of(3));
});

test('a blocking request that is cancelled is told to main, an answered one is not', () => {
  const bench = new Bench();
  const services = bench.services(1);
  bench.onBlock = () => bench.calls.settle(bench.sent.at(-1) ?? 0, { body: Uint8Array.of(4) });
  assert.deepEqual(services.requestSync('s', 'm', NOTHING), Uint8Array.of(4));
  assert.deepEqual(bench.abandoned, []);
  bench.onBlock = () => (bench.isCancelled = true);
  assert.throws(() => services.requestSync('s', 'm', NOTHING), /cancelled/);
  assert.deepEqual(bench.abandoned, bench.sent.slice(-1));
});

test('a body takes along no more than its own bytes, also from a Buffer', () => {
  const bench = new Bench();
  bench.onBlock = () => bench.calls.settle(bench.sent.at(-1) ?? 0, { body: NOTHING });
  const large = Buffer.alloc(1 << 20, 5);
  for (const view of [large.subarray(10, 30), new Uint8Array(large.buffer, large.byteOffset + 10, 20)]) {
    bench.services(1).requestSync('s', 'm', view);
    const body = bench.bodies.at(-1);
    assert.deepEqual(body, new Uint8Array(20).fill(5));
    assert.equal(body.buffer.byteLength, 20);
  }
});

test('sequence numbers come round at 2^31, and an answer still finds its request', async () => {
  const sent: number[] = [];
  const io = { send: (sequence: number) => void sent.push(sequence), abandon: () => {}, block: () => {} };
  const calls = new ServiceCalls(io, MAX_MESSAGE, 0x7fff_ffff);
  const caller = { job: 1, context: EMPTY_CONTEXT, throwIfCancelled: () => {} };
  const answer = calls.for(caller).request('s', 'm', NOTHING);
  assert.deepEqual(sent, [-0x8000_0000], 'what an Int32 carries');
  calls.settle(-0x8000_0000, { body: Uint8Array.of(1) });
  assert.deepEqual(await answer, Uint8Array.of(1));
});

for (const [what, given] of Object.entries({
  'a body': ['s', 'm', new Uint8Array(MAX_MESSAGE + 1)],
  'a name': ['s'.repeat(MAX_MESSAGE + 1), 'm', NOTHING],
  'names and a body together': ['s'.repeat(2000), 'm'.repeat(2000), new Uint8Array(97)],
} as Record<string, [string, string, Uint8Array]>)) {
  test(`a request with ${what} over the message limit does not leave its thread`, async () => {
    const bench = new Bench();
    const services = bench.services(1);
    assert.throws(() => services.requestSync(...given), { code: 'resourceExhausted', message: /4097|4096/ });
    await assert.rejects(services.request(...given), { code: 'resourceExhausted' });
    assert.deepEqual(bench.sent, []);
  });
}
