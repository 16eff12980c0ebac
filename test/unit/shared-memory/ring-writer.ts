import { parentPort, workerData } from 'node:worker_threads';
import { RingProducer } from '../../../src/shared-memory/outbound-ring.ts';
import { Region, type RegionHandle, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { WorkerBell } from '../../../src/shared-memory/slot-signals.ts';
import { WorkerWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { attemptWrite } from '../../../src/worker/wire-descriptor.ts';
import { WireOutput } from '../../../src/worker/wire-output.ts';
import { makeFrame } from './ring-frames.ts';

/** What a thread of the lock's test is to write: `sizes[i]` bytes as its frame number i. */
export interface RingWriterData {
  readonly region: RegionHandle;
  readonly slot: number;
  readonly descriptor: number;
  readonly sizes: readonly number[];
}

/** Commits its frames as fast as it can, as a synchronous handler does; `bell` and `done` are its messages. */
function main(): void {
  const { region: handle, slot: number, descriptor, sizes } = workerData as RingWriterData;
  const region = new Region(handle);
  const slot = number as SlotNumber;
  const say = (message: 'bell' | 'done'): void => parentPort?.postMessage(message);
  const bell = new WorkerBell(region, slot, () => say('bell'));
  const lock = new WorkerWriteLock(region, slot, attemptWrite(descriptor), () => bell.ring());
  const wire = new WireOutput(new RingProducer(region, slot), lock, bell, () => performance.now());
  for (const [i, size] of sizes.entries()) {
    const frame = makeFrame(number, i, size);
    while (!wire.fits(size, true)) wire.blockForRoom(size, true, () => false);
    wire.commit(frame);
  }
  wire.flush();
  say('done');
}

main();
