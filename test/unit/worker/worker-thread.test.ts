import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { ModuleDefinition } from '../../../src/module.ts';
import { RING_BYTES, SLOT } from '../../../src/shared-memory/layout.ts';
import { JobControl } from '../../../src/shared-memory/job-control.ts';
import { Region, type ControlBlock, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { OP, type FromWorker, type OpKind } from '../../../src/threads/messages.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { encodeOpenFrame } from '../../../src/wire/frame-encoder.ts';
import { streamIdWords } from '../../../src/wire/stream-id.ts';
import { checkModule } from '../../../src/worker/module-loader.ts';
import { Thread } from '../../../src/worker/thread.ts';
import { decodeMessage } from '../../support/decoded-message.ts';
import { idOf } from '../../support/module-facts.ts';
import { OpBatch } from '../../../src/threads/op-batch.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

const SLOT_0 = 0 as SlotNumber;

/** A worker's thread on the test's own; the test is main, and nobody takes what is in the ring. */
class Bench {
  readonly #region = Region.allocate(1, 1);
  readonly #port;
  readonly #said: FromWorker['type'][] = [];
  #onSaid: (() => void) | undefined;
  readonly control = new JobControl(this.#region, 0 as ControlBlock);

  /** @param used bytes of the ring that wait already */
  constructor(handlers: ModuleDefinition['onServerStream'], used = 0) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#words[SLOT.tail] = used;
    this.control.reset(1000);
    const definition = {
      name: 'm',
      version: '1',
      ...(handlers === undefined ? {} : { onServerStream: handlers }),
    };
    new Thread({
      settings: {
        region: this.#region.handle,
        file: '',
        wireDescriptor: -1,
        receiveWindow: 262_144,
        maxMessageBytes: 1 << 24,
        maxErrorMessageBytes: 4096,
        tellsLiveEvents: false,
        failureLines: 0,
      },
      region: this.#region,
      start: { slot: SLOT_0, port: port2 },
      module: checkModule(definition, 'of a test'),
      say: ({ type }) => {
        this.#said.push(type);
        this.#onSaid?.();
      },
      environment: {
        write: () => 0,
        wait: () => {
          throw new Error('the thread would block');
        },
        watchFailures: () => {},
      },
    });
  }

  get #words(): Int32Array {
    return this.#region.words.subarray(this.#region.slotBase(SLOT_0));
  }

  /** Posts what `add` collects, as one message. */
  post(add: (batch: OpBatch) => void): void {
    const batch = new OpBatch();
    add(batch);
    const bytes = batch.take();
    this.#port.postMessage(bytes, [bytes]);
  }

  op(kind: OpKind, number: number, payload = new Uint8Array(0)): void {
    this.post((batch) => batch.add(kind, number, payload, 0, payload.length));
  }

  open(number: number, method: string): void {
    const message = encodeOpenFrame(idOf(1), { method });
    const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
    envelope.decode(message, 0, message.length);
    const [id0, id1, id2, id3] = streamIdWords(idOf(1));
    const { payloadStart: start, payloadEnd: end } = envelope;
    const times = { openedAt: 0, queuedMs: 0 };
    const stream = { id0, id1, id2, id3 };
    this.post((batch) =>
      batch.addOpen({
        kind: 'stream',
        stream,
        jobId: number,
        block: 0 as ControlBlock,
        mode: 'async',
        ...times,
        bytes: message,
        start,
        end,
      }),
    );
  }

  /** Until the thread has said so. */
  async said(type: FromWorker['type']): Promise<void> {
    while (!this.#said.includes(type)) await new Promise<void>((resolve) => (this.#onSaid = resolve));
  }

  /** What was in the ring has left it. */
  drain(): void {
    this.#words[SLOT.head] = this.#words[SLOT.tail] ?? 0;
    this.op(OP.room, 0);
  }

  /** The last message in the ring, which begins at `position`. */
  committed(position: number): ReturnType<typeof decodeMessage> {
    const at = position % RING_BYTES;
    const length = ((this.#words[SLOT.tail] ?? 0) - position) | 0;
    return decodeMessage(this.#region.ringBytes(SLOT_0).slice(at, at + length));
  }

  async close(): Promise<void> {
    this.#port.close();
    await once(this.#port, 'close');
  }
}

test('a cancel that comes while a close waits for room in the ring is what the host is told', async () => {
  const bench = new Bench({ async ends() {} }, RING_BYTES);
  bench.open(1, 'ends');
  // It has tried to make room for its terminal frame.
  await bench.said('bell');
  bench.control.decide('cancelled');
  bench.op(OP.stop, 1, new TextEncoder().encode('enough'));
  bench.drain();
  await bench.said('settled');
  const { frame } = bench.committed(RING_BYTES);
  assert.deepEqual(frame?.arm === 'error' && [frame.code, frame.message], ['cancelled', 'enough']);
  assert.equal(bench.control.terminalCode, 'cancelled');
  await bench.close();
});

test('what comes for a job ahead of its beginning waits for it, whatever its number', async () => {
  for (const number of [1, 0x7fff_ffff, -0x8000_0000, -1]) {
    const seen: number[] = [];
    const bench = new Bench({
      async reads(stream) {
        for await (const chunk of stream) seen.push(chunk[0] ?? -1);
      },
    });
    bench.op(OP.data, number, Uint8Array.of(7));
    bench.op(OP.end, number);
    bench.open(number, 'reads');
    await bench.said('settled');
    assert.deepEqual(seen, [7], `job ${number}`);
    await bench.close();
  }
});
