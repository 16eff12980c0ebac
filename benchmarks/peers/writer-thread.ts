/** One thread of {@link file://./writer-process.ts}. */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { RingProducer } from '../../src/shared-memory/outbound-ring.ts';
import { Region, type SlotNumber } from '../../src/shared-memory/region.ts';
import { WorkerBell } from '../../src/shared-memory/slot-signals.ts';
import { WorkerWriteLock } from '../../src/shared-memory/write-lock.ts';
import { attemptWrite } from '../../src/worker/wire-descriptor.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { streamIdFromWords } from '../../src/wire/stream-id.ts';
import { ROOM_FOR_DATA, WireOutput } from '../../src/worker/wire-output.ts';
import { WIRE_DESCRIPTOR, type WriterSettings } from './writer-settings.ts';

/** A batch of the funnel goes to main at this size. */
const BATCH_BYTES = 65_536;
/** Batches that may be on their way to main at once. */
const MAX_OUTSTANDING = 8;

const settings = workerData as WriterSettings;
const payload = new Uint8Array(settings.payloadBytes).fill(0xa5);
const encoder = new FrameEncoder(streamIdFromWords(0, 0, 0, settings.slot));
const length = FrameEncoder.dataMessageBytes(payload.length);
const write = { ring: ringWriter, lock: lockWriter, funnel: funnelWriter }[settings.way]();
parentPort?.on('message', ({ count }: { count: number }) => write(count));

function ringWriter(): (count: number) => void {
  const region = new Region(settings.region);
  const slot = settings.slot as SlotNumber;
  const bell = new WorkerBell(region, slot, () => parentPort?.postMessage('bell'));
  const lock = new WorkerWriteLock(region, slot, attemptWrite(WIRE_DESCRIPTOR), () => bell.ring());
  const wire = new WireOutput(new RingProducer(region, slot), lock, bell, () => performance.now());
  return (count) => {
    for (let left = count; left > 0; left--) {
      while (!wire.fits(length, true)) wire.blockForRoom(ROOM_FOR_DATA, true, () => false);
      wire.commit(encoder.dataHeader(payload.length), payload);
    }
    wire.flush();
  };
}

/** The descriptor blocks, so one call writes a frame whole, but for a signal. */
function lockWriter(): (count: number) => void {
  const { mutex } = settings;
  const frame = new Uint8Array(length);
  return (count) => {
    for (let left = count; left > 0; left--) {
      frame.set(encoder.dataHeader(payload.length));
      frame.set(payload, FrameEncoder.DATA_HEADER_BYTES);
      // 0 free, 1 taken, 2 taken and somebody waits: the mutex of Drepper's "Futexes are tricky".
      if (Atomics.compareExchange(mutex, 0, 0, 1) !== 0) {
        while (Atomics.exchange(mutex, 0, 2) !== 0) Atomics.wait(mutex, 0, 2);
      }
      for (let at = 0; at < length;) at += writeSync(WIRE_DESCRIPTOR, frame, at, length - at);
      if (Atomics.exchange(mutex, 0, 0) === 2) Atomics.notify(mutex, 0, 1);
    }
  };
}

function funnelWriter(): (count: number) => void {
  const { outstanding } = settings;
  const capacity = Math.max(length, BATCH_BYTES - (BATCH_BYTES % length));
  return (count) => {
    let batch = new Uint8Array(capacity);
    let used = 0;
    for (let left = count; left > 0; left--) {
      batch.set(encoder.dataHeader(payload.length), used);
      batch.set(payload, used + FrameEncoder.DATA_HEADER_BYTES);
      used += length;
      if (used < capacity && left > 1) continue;
      for (
        let now = Atomics.load(outstanding, 0);
        now >= MAX_OUTSTANDING;
        now = Atomics.load(outstanding, 0)
      ) {
        Atomics.wait(outstanding, 0, now);
      }
      Atomics.add(outstanding, 0, 1);
      const full = used === capacity ? batch.buffer : batch.buffer.slice(0, used);
      parentPort?.postMessage(full, [full]);
      batch = new Uint8Array(capacity);
      used = 0;
    }
  };
}
