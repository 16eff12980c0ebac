import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolWorker } from '../../src/main/pool-worker.ts';
import { ServiceRoutes } from '../../src/main/services.ts';
import { OP } from '../../src/thread-messages.ts';
import { decodeIpcError, decodeServiceRequest, decodeServiceResponse } from '../../src/wire/cold-decode.ts';
import { encodeServiceResponse } from '../../src/wire/cold-encode.ts';
import { EMPTY_CONTEXT } from '../../src/wire/context.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { MalformedError } from '../../src/wire/malformed.ts';
import { decodeMessage, type DecodedMessage } from '../support/decoded-message.ts';
import { FakeSeats } from '../support/fake-workers.ts';

class Bench {
  readonly sent: DecodedMessage[] = [];
  /** `slot sequence` and what came. */
  readonly seen: string[] = [];
  readonly routes: ServiceRoutes;
  readonly workers: PoolWorker[];

  constructor(limits: { maxWaiting?: number; maxMessageBytes?: number } = {}) {
    const seats = new FakeSeats(2, 1);
    this.routes = new ServiceRoutes({ maxWaiting: 1024, maxMessageBytes: 1 << 20, ...limits }, (message) =>
      this.sent.push(decodeMessage(message)),
    );
    this.workers = [0, 1].map((slot) =>
      seats.seat(slot, ({ kind, job, payload }) => {
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

test('an answer to a worker that is gone is ignored, also when its seat has a new thread', () => {
  const bench = new Bench();
  bench.ask(0, 1);
  bench.ask(1, 1);
  bench.routes.forget(bench.worker(0));
  bench.answer(bench.sent[0]?.requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  bench.answer(bench.sent[1]?.requestId, true, encodeServiceResponse({ body: new Uint8Array(0) }));
  assert.deepEqual(bench.seen, ['1 1 []']);
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
