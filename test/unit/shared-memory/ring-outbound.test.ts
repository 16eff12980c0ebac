import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RING_BYTES, RING_RESERVE, SLOT } from '../../../src/shared-memory/layout.ts';
import { JobControl } from '../../../src/shared-memory/job-control.ts';
import { RingProducer, RingConsumer } from '../../../src/shared-memory/outbound-ring.ts';
import { Region, type ControlBlock, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { DroppedLogs, SlotSignals, WorkerBell } from '../../../src/shared-memory/slot-signals.ts';
import { ERROR_CODES } from '../../../src/errors.ts';
import { makeFrame, readFrames } from './ring-frames.ts';

const SLOT_0 = 0 as SlotNumber;

/** Both ends of one ring whose positions start anywhere, as after that many bytes. */
function ringAt(
  position: number,
  region = Region.allocate(1, 1),
): { ring: RingProducer; end: RingConsumer; region: Region } {
  const base = region.slotBase(SLOT_0);
  region.words[base + SLOT.tail] = position;
  region.words[base + SLOT.head] = position;
  return { ring: new RingProducer(region, SLOT_0), end: new RingConsumer(region, SLOT_0), region };
}

/** Takes what is pending as main does: in one copy. */
function takeAll(end: RingConsumer): Uint8Array {
  const bytes = new Uint8Array(end.pending);
  end.copyTo(bytes, 0, bytes.length);
  end.advance(bytes.length);
  return bytes;
}

/** The same as a worker does: one contiguous part after the other. */
function takeParts(end: RingConsumer): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let pending = end.pending; pending > 0; pending = end.pending) {
    const { bytes, offset, length } = end.contiguous(pending);
    assert.ok(length > 0 && offset + length <= RING_BYTES);
    parts.push(bytes.slice(offset, offset + length));
    end.advance(length);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

const POSITIONS = {
  'the beginning': 0,
  'just before the ring wraps': RING_BYTES - 8,
  'just before 2^31': 0x7fff_fff8,
  'just before 2^32': -8,
};

for (const [where, position] of Object.entries(POSITIONS)) {
  test(`frames go through a ring whole, from ${where}`, () => {
    for (const take of [takeAll, takeParts]) {
      const { ring, end } = ringAt(position);
      const sent = [makeFrame(0, 0, 24), makeFrame(0, 1, 4096), makeFrame(0, 2, 16)];
      for (const frame of sent) ring.commit(frame);
      assert.equal(end.pending, 24 + 4096 + 16);
      assert.deepEqual(take(end), Uint8Array.from(Buffer.concat(sent)));
      assert.equal(end.pending, 0);
      assert.equal(ring.pending, 0);
    }
  });
}

test('any run of commits and takes gives the committed bytes in order', () => {
  const region = Region.allocate(1, 1);
  const step = fc.record({
    size: fc
      .oneof(fc.integer({ min: 2, max: 64 }), fc.integer({ min: 2, max: 60_000 }))
      .map((words) => words * 8),
    takes: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(0, RING_BYTES - 4096, 0x7fff_0000, -4096),
      fc.array(step, { maxLength: 25 }),
      (position, steps) => {
        const { ring, end } = ringAt(position, region);
        const wire: Uint8Array[] = [];
        const takers = [takeAll, takeParts];
        let number = 0;
        for (const { size, takes } of steps) {
          for (let i = 0; i < takes; i++) wire.push((takers[i % 2] ?? takeAll)(end));
          if (!ring.fits(size, true)) wire.push(takeAll(end));
          const isAlone = end.pending === 0;
          assert.equal(ring.commit(makeFrame(0, number++, size)), isAlone);
        }
        wire.push(takeAll(end));
        const seen = readFrames(Uint8Array.from(Buffer.concat(wire)));
        assert.deepEqual(
          seen.map((frame) => frame.number),
          Array.from({ length: number }, (_, i) => i),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('a payload is padded to 8 bytes with zeroes, whatever the ring held there', () => {
  for (const position of [0, RING_BYTES - 24]) {
    const { ring, end, region } = ringAt(position);
    region.ringBytes(SLOT_0).fill(0xee);
    const header = new Uint8Array(16).fill(1);
    for (let length = 0; length <= 16; length++) {
      ring.commit(header, new Uint8Array(length).fill(2));
      const padded = (length + 7) & ~7;
      const expected = new Uint8Array(16 + padded).fill(1, 0, 16).fill(2, 16, 16 + length);
      assert.deepEqual(takeAll(end), expected, `${length} bytes at ${position}`);
    }
  }
});

test('commit says whether everything before the frame had left the ring', () => {
  const { ring, end } = ringAt(0);
  assert.equal(ring.commit(makeFrame(0, 0, 16)), true, 'nobody else knows of the first');
  assert.equal(ring.commit(makeFrame(0, 1, 16)), false);
  end.advance(16);
  assert.equal(ring.commit(makeFrame(0, 2, 16)), false, 'one is still there');
  end.advance(32);
  assert.equal(ring.commit(makeFrame(0, 3, 16)), true);
});

test('Data leaves the reserve free, and what ends streams may use it to the last byte', () => {
  const { ring, end } = ringAt(RING_BYTES - 4096);
  const room = RING_BYTES - RING_RESERVE;
  assert.equal(ring.fits(room, true), true);
  assert.equal(ring.fits(room + 1, true), false);
  const big = new Uint8Array(room);
  ring.commit(big);
  assert.equal(ring.fits(0, true), true);
  assert.equal(ring.fits(1, true), false, 'Data');
  assert.equal(ring.fits(RING_RESERVE, false), true, 'a terminal frame');
  assert.equal(ring.fits(RING_RESERVE + 1, false), false);
  ring.commit(new Uint8Array(RING_RESERVE));
  assert.equal(ring.pending, RING_BYTES);
  assert.equal(end.pending, RING_BYTES, 'a full ring is not taken for an empty one');
  assert.equal(ring.fits(1, false), false);
  end.advance(8);
  assert.equal(ring.fits(8, false), true);
});

test('the reserve holds fifteen terminal frames with messages of 4 KiB', () => {
  // Envelope and frame take 128 bytes, the error struct 24, the text its NUL and padding.
  const frame = 128 + 24 + 4096 + 8;
  assert.ok(15 * frame <= RING_RESERVE);
});

test('the largest Data frame fits an empty ring', () => {
  const { ring } = ringAt(0);
  assert.equal(ring.fits(1_048_576 + 128, true), true);
});

test('a wait is announced only while there is no room, and the next advance tells of it', () => {
  const { ring, end } = ringAt(0);
  assert.equal(ring.announceWait(64, true, 'async'), false, 'there is room');
  assert.equal(end.advance(0), false, 'so nothing was announced');
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  assert.equal(ring.announceWait(64, true, 'async'), true);
  assert.equal(end.advance(64), true);
  assert.equal(end.clearAsyncWait(), true);
  assert.equal(end.clearAsyncWait(), false, 'it is told once');
  assert.equal(end.advance(8), false);
});

test('room moves the word of a producer that blocks, once for each wait', () => {
  const { ring, end } = ringAt(0);
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  const ticket = ring.spaceTicket();
  assert.equal(ring.announceWait(64, true, 'blocking'), true);
  assert.equal(end.advance(64), false, 'main need not send a message');
  assert.equal(ring.spaceTicket(), ticket + 1);
  ring.waitForSpace(ticket);
  end.advance(64);
  assert.equal(ring.spaceTicket(), ticket + 1, 'nobody waits any more');
});

test('a producer is told once it has as much room as it needs, and not for less', () => {
  for (const how of ['blocking', 'async'] as const) {
    const { ring, end } = ringAt(0);
    const told = (length: number): boolean => {
      const ticket = ring.spaceTicket();
      return end.advance(length) || ring.spaceTicket() !== ticket;
    };
    ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
    assert.equal(ring.announceWait(1024, true, how), true);
    assert.equal(told(512), false, how);
    assert.equal(end.clearAsyncWait(), false, how);
    assert.equal(told(512), true, how);
  }
});

test('of several senders that wait asynchronously the one that needs least is told first', () => {
  const { ring, end } = ringAt(0);
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  for (const length of [4096, 64, 8192]) assert.equal(ring.announceWait(length, true, 'async'), true);
  assert.equal(end.advance(64), true);
  assert.equal(end.clearAsyncWait(), true);
});

test('a sender that blocks takes nothing from those on its thread that wait asynchronously', () => {
  const { ring, end } = ringAt(0);
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  assert.equal(ring.announceWait(64, true, 'async'), true);
  assert.equal(ring.announceWait(64, true, 'blocking'), true);
  const ticket = ring.spaceTicket();
  assert.equal(end.advance(64), true, 'main is to send a message');
  assert.equal(ring.spaceTicket(), ticket + 1, 'and the one that blocks is awake');
});

test('main can make a blocked sender look up, and a blocked reader too', () => {
  const { ring, region } = ringAt(0);
  const words = new SlotSignals(region, SLOT_0);
  const ticket = ring.spaceTicket();
  words.wakeSender();
  // Returns at once, since the word has left the ticket.
  ring.waitForSpace(ticket);
  assert.notEqual(ring.spaceTicket(), ticket);
});

test('a revoked slot has nothing to take, whatever it commits', () => {
  const { ring, end, region } = ringAt(0);
  ring.commit(makeFrame(0, 0, 64));
  region.words[region.slotBase(SLOT_0) + SLOT.revoked] = 1;
  assert.equal(end.pending, 0);
  ring.commit(makeFrame(0, 1, 64));
  assert.equal(end.pending, 0);
});

test('a terminal frame counts from the commit that holds it, also around 2^31 and 2^32', () => {
  for (const position of Object.values(POSITIONS)) {
    const { ring, region } = ringAt(position);
    const control = new JobControl(region, 0 as ControlBlock);
    const words = new SlotSignals(region, SLOT_0);
    control.reset(0);
    assert.equal(control.terminalCommitted(words.tail), false);
    ring.commit(makeFrame(0, 0, 64));
    control.markTerminal(ring.endOfNext(128), 'close');
    assert.equal(control.terminalMarked, true);
    assert.equal(control.terminalCommitted(words.tail), false, 'marked is not committed');
    ring.commit(makeFrame(0, 1, 128));
    assert.equal(control.terminalCommitted(words.tail), true);
    ring.commit(makeFrame(0, 2, 64));
    assert.equal(control.terminalCommitted(words.tail), true, 'other jobs write on');
    control.reset(0);
    assert.equal(control.terminalCommitted(words.tail), false, 'the next job starts anew');
  }
});

test('the first cause of a job wins, and each code comes back as it was', () => {
  const region = Region.allocate(1, 2);
  const control = new JobControl(region, 1 as ControlBlock);
  const neighbour = new JobControl(region, 0 as ControlBlock);
  for (const code of ERROR_CODES) {
    control.reset(5);
    assert.equal(control.cause, undefined);
    assert.equal(control.isDecided, false);
    control.decide(code);
    control.decide('internal');
    control.decide('cancelled');
    assert.equal(control.cause, code);
    assert.equal(control.isDecided, true);
    assert.equal(neighbour.isDecided, false);
  }
});

test('credit and grants are added up, credit below 0 and grants past 2^31', () => {
  const control = new JobControl(Region.allocate(1, 1), 0 as ControlBlock);
  control.reset(100);
  control.addCredit(-1_048_576);
  assert.equal(control.credit, 100 - 1_048_576);
  control.addCredit(2_147_483_647);
  assert.equal(control.credit, 100 - 1_048_576 + 2_147_483_647);
  control.addGranted(0x7fff_ffff);
  control.addGranted(2);
  assert.equal(control.granted, -0x7fff_ffff, 'modulo 2^32');
  control.reset(0x7fff_ffff);
  assert.equal(control.credit, 0x7fff_ffff);
  assert.equal(control.granted, 0);
});

test('the bell is posted once until main has heard it', () => {
  const region = Region.allocate(1, 1);
  const words = new SlotSignals(region, SLOT_0);
  let posts = 0;
  const bell = new WorkerBell(region, SLOT_0, () => posts++);
  bell.ring();
  bell.ring();
  assert.equal(posts, 1);
  words.clearBell();
  bell.ring();
  assert.equal(posts, 2);
});

test('a new thread finds its slot as if nobody had sat there', () => {
  const { ring, region } = ringAt(0x1234);
  ring.commit(makeFrame(0, 0, 64));
  ring.announceWait(RING_BYTES, true, 'async');
  new WorkerBell(region, SLOT_0, () => {}).ring();
  region.words[region.slotBase(SLOT_0) + SLOT.revoked] = 1;
  const words = new SlotSignals(region, SLOT_0);
  words.reset();
  assert.equal(words.tail, 0);
  assert.equal(words.head, 0);
  assert.deepEqual(words.takeTraffic(), { frames: 0, bytes: 0 });
  const end = new RingConsumer(region, SLOT_0);
  assert.equal(end.pending, 0);
  assert.equal(end.clearAsyncWait(), false);
  assert.equal(new RingProducer(region, SLOT_0).commit(makeFrame(0, 0, 16)), true);
  assert.equal(end.pending, 16);
});

test('a slot’s traffic is what was committed since the last look, also where both counts come round', () => {
  const { ring, end, region } = ringAt(0x7fff_ffc0);
  region.words[region.slotBase(SLOT_0) + SLOT.frames] = 0x7fff_ffff;
  const words = new SlotSignals(region, SLOT_0);
  words.takeTraffic();
  ring.commit(makeFrame(0, 0, 32));
  takeAll(end);
  ring.commit(makeFrame(0, 1, 64));
  assert.deepEqual([words.head, words.tail], [0x7fff_ffe0, 0x8000_0020 | 0]);
  assert.deepEqual(words.takeTraffic(), { frames: 2, bytes: 96 });
  assert.deepEqual(words.takeTraffic(), { frames: 0, bytes: 0 });
});

test('slots, jobs and rings lie apart: what one gets no other sees', () => {
  const region = Region.allocate(3, 6);
  const other = new Region(structuredClone(region.handle));
  for (let slot = 0; slot < 3; slot++) {
    new RingProducer(region, slot as SlotNumber).commit(makeFrame(slot, 0, 32));
    region.ringBytes(slot as SlotNumber).fill(slot + 1, 32);
  }
  for (let job = 0; job < 6; job++) new JobControl(region, job as ControlBlock).reset(1000 + job);
  for (let job = 0; job < 6; job++)
    assert.equal(new JobControl(other, job as ControlBlock).credit, 1000 + job);
  for (let slot = 0; slot < 3; slot++) {
    const end = new RingConsumer(region, slot as SlotNumber);
    assert.deepEqual(readFrames(takeAll(end)), [{ ring: slot, number: 0, size: 32 }]);
    const rest = region.ringBytes(slot as SlotNumber).subarray(32);
    assert.equal(rest.length, RING_BYTES - 32);
    assert.ok(rest.every((byte) => byte === slot + 1));
    assert.deepEqual(new SlotSignals(region, slot as SlotNumber).takeTraffic(), { frames: 1, bytes: 32 });
  }
});

test('dropped log lines of all threads are counted together', () => {
  const region = Region.allocate(2, 2);
  new DroppedLogs(region).add();
  new DroppedLogs(new Region(region.handle)).add();
  assert.equal(new DroppedLogs(region).count, 2);
});
