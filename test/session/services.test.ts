import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolWorker } from '../../src/main/workers/pool-worker.ts';
import { ServiceRoutes } from '../../src/main/workers/services.ts';
import { OP } from '../../src/threads/messages.ts';
import {
  decodeIpcError,
  decodeServiceRequest,
  decodeServiceResponse,
} from '../../src/wire/payload-decode.ts';
import { encodeServiceResponse } from '../../src/wire/payload-encode.ts';
import { EMPTY_CONTEXT, type InvocationContext } from '../../src/wire/context.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { MalformedError } from '../../src/wire/capnp/malformed.ts';
import { decodeMessage, type DecodedMessage } from '../support/decoded-message.ts';
import { FakeSlots } from '../support/fake-workers.ts';

class Bench {
  readonly sent: DecodedMessage[] = [];
  /** `slot sequence` and what came. */
  readonly seen: string[] = [];
  readonly routes: ServiceRoutes;
  readonly workers: PoolWorker[];

  constructor(limits: { maxWaiting?: number; maxWaitingBytes?: number; maxMessageBytes?: number } = {}) {
    const slots = new FakeSlots(2, 1);
    const defaults = { maxWaiting: 1024, maxWaitingBytes: 1 << 26, maxMessageBytes: 1 << 20 };
    this.routes = new ServiceRoutes({ ...defaults, ...limits }, (message) =>
      this.sent.push(decodeMessage(message)),
    );
    this.workers = [0, 1].map((slot) =>
      slots.start(slot, ({ kind, job, payload }) => {
        const answer =
          kind === OP.serviceAnswer
            ? `[${decodeServiceResponse(payload).body.join()}]`
            : `${decodeIpcError(payload).code} ${decodeIpcError(payload).message}`;
        this.seen.push(`${slot} ${job} ${answer}`);
      }),
    );
  }

  ask(slot: number, sequence: number, body = new Uint8Array([1])): void {
    const message = {
      type: 'service',
      sequence,
      service: 's',
      method: 'm',
      body,
      context: EMPTY_CONTEXT,
    } as const;
    this.routes.onRequest(this.worker(slot), message);
  }

  worker(slot: number): PoolWorker {
    const worker = this.workers[slot];
    if (worker === undefined) throw new Error(`no worker ${slot}`);
    return worker;
  }

  answer(requestId: string | undefined, ok: boolean, payload: Uint8Array): void {
    this.routes.onAnswer(requestId ?? '', ok, payload);
    for (const worker of this.workers) worker.flush();
  }
}

test('a request goes to the host as it is, and its answer back to the worker that asked', () => {
  const bench = new Bench();
  bench.ask(0, 7, new Uint8Array([1, 2]));
  bench.ask(1, 7, new Uint8Array([3]));
  const [first, second] = bench.sent;
  assert.equal(first?.type, 'serviceRequest');
  assert.notEqual(first?.requestId, second?.requestId);
  const { service, method, body } = decodeServiceRequest(first?.payload ?? new Uint8Array(0));
  assert.deepEqual([service, method, [...body]], ['s', 'm', [1, 2]]);
  bench.answer(second?.requestId, true, encodeServiceResponse({ body: new Uint8Array([9]) }));
  bench.answer(first?.requestId, false, encodeIpcError({ code: 'unavailable', message: 'later' }));
  assert.deepEqual(bench.seen, ['1 7 [9]', '0 7 unavailable later']);
});

test('an answer counts once, and one that nobody waits for is ignored', () => {
  const bench = new Bench();
  bench.ask(0, 1);
  const id = bench.sent[0]?.requestId;
  bench.answer('service-9.9', true, encodeServiceResponse({ body: new Uint8Array(0) }));
  bench.answer(id, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  bench.answer(id, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  assert.deepEqual(bench.seen, ['0 1 []']);
});

test('an answer to a worker that is gone is ignored, also when its slot has a new thread', () => {
  const bench = new Bench();
  bench.ask(0, 1);
  bench.ask(1, 1);
  bench.routes.forget(bench.worker(0));
  bench.answer(bench.sent[0]?.requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  bench.answer(bench.sent[1]?.requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  assert.deepEqual(bench.seen, ['1 1 []']);
});

test('a request that nobody waits for any more keeps no place, and a late answer to it is ignored', () => {
  const bench = new Bench({ maxWaiting: 1 });
  bench.ask(0, 1);
  bench.routes.onAbandoned(bench.worker(1), 1);
  bench.ask(0, 2);
  assert.match(
    bench.seen.splice(0).join(),
    /^0 2 resourceExhausted/,
    'another worker’s number is another request',
  );
  bench.routes.onAbandoned(bench.worker(0), 1);
  bench.ask(0, 3);
  assert.equal(bench.sent.length, 2);
  for (const { requestId } of bench.sent)
    bench.answer(requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  assert.deepEqual(bench.seen, ['0 3 []']);
});

test('an answer that can’t be read fails the request and is told to the host', () => {
  const bench = new Bench();
  bench.ask(0, 1);
  assert.throws(
    () => bench.answer(bench.sent[0]?.requestId, true, new Uint8Array(24).fill(0xee)),
    MalformedError,
  );
  assert.equal(bench.seen.length, 1);
  assert.match(bench.seen[0] ?? '', /^0 1 protocolViolation/);
});

test('a request that can’t be encoded fails alone, whatever a handler gave', () => {
  const bench = new Bench();
  const sound = {
    type: 'service',
    service: 's',
    method: 'm',
    body: new Uint8Array(0),
    context: EMPTY_CONTEXT,
  };
  const spoilt: readonly object[] = [
    { service: 5 },
    { method: {} },
    { body: 'text' },
    { context: { ...EMPTY_CONTEXT, deadlineUnixMs: 1.5 } satisfies InvocationContext },
    { context: { ...EMPTY_CONTEXT, metadata: [[1, 2]] } },
    { context: { ...EMPTY_CONTEXT, metadata: 7 } },
  ];
  spoilt.forEach((part, sequence) => {
    bench.routes.onRequest(bench.worker(0), { ...sound, ...part, sequence } as never);
    bench.worker(0).flush();
    assert.match(bench.seen.at(-1) ?? '', new RegExp(`^0 ${sequence} handlerFailed the service request can`));
  });
  assert.deepEqual(bench.sent, []);
  bench.ask(0, 99);
  assert.equal(bench.sent.length, 1);
});

test('requests that wait for the host are bounded, and so is each one', () => {
  const bench = new Bench({ maxWaiting: 2, maxMessageBytes: 4096 });
  bench.ask(0, 1);
  bench.ask(0, 2);
  bench.ask(0, 3);
  assert.equal(bench.sent.length, 2);
  assert.match(bench.seen[0] ?? '', /^0 3 resourceExhausted/);
  bench.answer(bench.sent[0]?.requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  bench.ask(0, 4, new Uint8Array(5000));
  assert.equal(bench.sent.length, 2);
  assert.match(bench.seen.at(-1) ?? '', /^0 4 resourceExhausted/);
  bench.ask(0, 5);
  assert.equal(bench.sent.length, 3, 'what was refused takes no place');
});

test('answers that busy workers have not taken are limited in bytes, all together, until they are taken', () => {
  const answer = encodeServiceResponse({ body: new Uint8Array(1000) });
  // Room for two of them, and for what says that there is none for a third.
  const bench = new Bench({ maxWaitingBytes: 2 * answer.length + 300 });
  for (let sequence = 1; sequence <= 5; sequence++) bench.ask(sequence % 2, sequence);
  const answerNext = (sequence: number): string => {
    bench.answer(bench.sent[sequence - 1]?.requestId, true, answer);
    return bench.seen.at(-1)?.slice(0, 40) ?? '';
  };
  assert.match(answerNext(1), /^1 1 \[0,0/);
  assert.match(answerNext(2), /^0 2 \[0,0/);
  assert.match(answerNext(3), /^1 3 resourceExhausted/);
  bench.routes.onTaken(bench.worker(1), answer.length);
  assert.match(answerNext(4), /^0 4 \[0,0/);
  // A worker's death frees what it had not taken.
  bench.routes.forget(bench.worker(0));
  bench.ask(1, 6);
  assert.match(answerNext(6), /^1 6 \[0,0/);
});
