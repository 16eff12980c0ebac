import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RING_BYTES, SLOT } from '../../../src/shared-memory/layout.ts';
import { JobControl } from '../../../src/shared-memory/job-control.ts';
import { RingProducer, RingConsumer } from '../../../src/shared-memory/outbound-ring.ts';
import { Region, type ControlBlock, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { WorkerBell } from '../../../src/shared-memory/slot-signals.ts';
import { WorkerWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { StreamHandle } from '../../../src/handle/stream-handle.ts';
import type { StreamIo } from '../../../src/handle/stream-io.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { StreamOutput } from '../../../src/worker/jobs/stream-output.ts';
import { WireOutput } from '../../../src/worker/wire-output.ts';
import { decodeMessage } from '../../support/decoded-message.ts';
import { idOf } from '../../support/module-facts.ts';
import { Framer } from '../../../src/wire/capnp/framer.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

const CREDIT = 1_000_000;

/** A handle on a real ring from whose wire the test reads. @param position where in the ring it begins; @param accepts bytes that a write takes */
function output(position = 0, accepts = Infinity) {
  const region = Region.allocate(1, 1);
  const slot = 0 as SlotNumber;
  const base = region.slotBase(slot);
  region.words[base + SLOT.tail] = position;
  region.words[base + SLOT.head] = position;
  region.ringBytes(slot).fill(0xee);
  const control = new JobControl(region, 0 as ControlBlock);
  control.reset(CREDIT);
  const written: Buffer[] = [];
  const bell = new WorkerBell(region, slot, () => {});
  const write = (bytes: Uint8Array, offset: number, length: number): number => {
    const taken = Math.min(length, accepts);
    written.push(Buffer.from(bytes.slice(offset, offset + taken)));
    return taken;
  };
  const lock = new WorkerWriteLock(region, slot, write, () => {});
  const wire = new WireOutput(new RingProducer(region, slot), lock, bell, () => 0);
  const out = new StreamOutput(wire, control, idOf(1));
  const io = {
    cause: () => undefined,
    trySend: (payload: Uint8Array, length: number) => out.trySend(payload, length),
    awaitRoom: () => {},
  } as Partial<StreamIo> as StreamIo;
  const handle = new StreamHandle(io, EMPTY_CONTEXT, 262_144);
  /** The payloads of the Data frames that are on the wire. */
  const payloads = (): Uint8Array[] => {
    wire.flush();
    const found: Uint8Array[] = [];
    const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
      const { frame } = decodeMessage(bytes.slice(start, end));
      assert.equal(frame?.arm, 'data');
      if (frame?.arm === 'data') found.push(frame.data);
    });
    framer.push(Uint8Array.from(Buffer.concat(written)));
    assert.equal(framer.pendingBytes, 0);
    return found;
  };
  return { control, wire, out, handle, payloads, end: new RingConsumer(region, slot) };
}

/** Says another length at each look. */
function lying(length: number): Uint8Array {
  const chunk = new Uint8Array(length).fill(65);
  let looks = 0;
  Object.defineProperty(chunk, 'length', { get: () => 8 * (looks++ % 7) });
  Object.defineProperty(chunk, 'byteLength', { value: 1 });
  Object.defineProperty(chunk, 'subarray', { value: () => new Uint8Array(3) });
  Object.defineProperty(chunk, 'buffer', { value: new ArrayBuffer(4096) });
  return chunk;
}

test('a chunk that lies about itself leaves as what it is, and so does what follows it', () => {
  for (const position of [0, RING_BYTES - 160]) {
    const { handle, payloads, control } = output(position);
    handle.sendSync(lying(100));
    handle.sendSync(Uint8Array.of(1, 2, 3));
    assert.deepEqual(payloads(), [new Uint8Array(100).fill(65), Uint8Array.of(1, 2, 3)]);
    assert.equal(control.credit, CREDIT - 100 - 64);
  }
});

test('how a chunk is cut follows what it holds, not what it says', () => {
  const { handle, payloads } = output();
  const large = new Uint8Array(1_048_577).fill(65);
  Object.defineProperty(large, 'length', { value: 1 });
  Object.defineProperty(large, 'buffer', { value: new ArrayBuffer(1) });
  Object.defineProperty(large, 'byteOffset', { value: 99 });
  // The ring has room for the first frame, and its credit is used up by it.
  void handle.send(large);
  assert.deepEqual(payloads(), [new Uint8Array(1_048_576).fill(65)]);
});

test('a chunk whose length changes while it waits is refused, what waits behind it too, and the handler’s end tells', async () => {
  const buffer = Reflect.construct(ArrayBuffer, [64, { maxByteLength: 4096 }]) as ArrayBuffer & {
    resize(length: number): void;
  };
  for (const length of [8, 128]) {
    const { handle, payloads, control } = output();
    control.addCredit(-CREDIT);
    buffer.resize(64);
    const first = handle.send(new Uint8Array(buffer));
    void handle.send(Uint8Array.of(9));
    buffer.resize(length);
    control.addCredit(1000);
    handle.retrySends();
    await assert.rejects(first, { code: 'handlerFailed' });
    assert.equal(handle.hasPendingSends, true);
    await assert.rejects(handle.drainSends(), { code: 'handlerFailed' });
    assert.deepEqual(payloads(), []);
    assert.equal(control.credit, 1000, 'what is not sent is not paid for');
  }
});

test('a frame that fails ahead of its commit is not paid for, one that fails behind it is', () => {
  const { out, wire, control } = output();
  const chunk = new Uint8Array(100);
  structuredClone(chunk, { transfer: [chunk.buffer] });
  assert.throws(() => out.trySend(chunk, 0), TypeError);
  assert.equal(control.credit, CREDIT);
  wire.commit = function commit(...parts) {
    WireOutput.prototype.commit.apply(this, parts);
    throw new RangeError('the stack is used up');
  };
  assert.throws(() => out.trySend(new Uint8Array(100), 100), RangeError);
  assert.equal(control.credit, CREDIT - 100);
});

test('a grant that finds no room leaves as soon as there is some, though nobody else waits for it', () => {
  const { out, wire, control, end } = output(0, 0);
  wire.commit(new Uint8Array(RING_BYTES));
  out.grant(100_000);
  out.grant(31_072);
  assert.equal(control.granted, 0);
  assert.equal(end.advance(64), false, 'less than it needs');
  assert.equal(end.advance(64), true, 'main is to send a message');
  assert.equal(end.clearAsyncWait(), true);
  out.retryGrant();
  assert.equal(control.granted, 131_072);
  assert.equal(end.pending, RING_BYTES);
  out.retryGrant();
  assert.equal(end.pending, RING_BYTES, 'once');
});

test('a grant that fails ahead of its commit goes with the next one, one that fails behind it has gone', () => {
  const { out, wire, control } = output();
  const usedUp = new RangeError('the stack is used up');
  const commit = wire.commit.bind(wire);
  wire.commit = () => {
    throw usedUp;
  };
  assert.throws(() => out.grant(1_000), usedUp);
  assert.equal(control.granted, 0);
  wire.commit = (...parts) => {
    commit(...parts);
    throw usedUp;
  };
  assert.throws(() => out.grant(10), usedUp);
  assert.equal(control.granted, 1_010);
  wire.commit = commit;
  out.grant(5);
  assert.equal(control.granted, 1_015);
});
