/**
 * Threads that write frames to descriptor 3 in one of three ways: `ring` (our ring and combining lock, without the rest of the
 * SDK), `lock` (a lock taken for each frame), `funnel` (batches to the main thread, which writes). Arguments: way, threads,
 * payload bytes. Told a count, each thread writes that many frames.
 */
import { Worker } from 'node:worker_threads';
import { Socket } from 'node:net';
import { siblingFile } from '../harness/sibling-file.ts';
import { Outlet } from '../../src/main/output/outlet.ts';
import { Region, type SlotNumber } from '../../src/shared-memory/region.ts';
import { SlotSignals } from '../../src/shared-memory/slot-signals.ts';
import { MainWriteLock } from '../../src/shared-memory/write-lock.ts';
import { WIRE_DESCRIPTOR, type WriterSettings, type WriterWay } from './writer-settings.ts';
import { openSink } from '../../src/main/output/sink.ts';

const [way = 'ring', threadCount = '1', payloadBytes = '128'] = process.argv.slice(2);
const threads = Number(threadCount);
const region = Region.allocate(threads, threads);
const words = Array.from({ length: threads }, () => new Int32Array(new SharedArrayBuffer(4)));
const mutex = new Int32Array(new SharedArrayBuffer(4));
const file = siblingFile(import.meta.url, './writer-thread.ts');
const onMessage = way === 'ring' ? ringBell() : way === 'funnel' ? funnel() : () => undefined;
const workers = words.map((outstanding, slot) => {
  const workerData: WriterSettings = {
    way: way as WriterWay,
    slot,
    payloadBytes: Number(payloadBytes),
    region: region.handle,
    mutex,
    outstanding,
  };
  const worker = new Worker(file, { workerData });
  worker.on('message', (message: unknown) => onMessage(slot, message));
  return worker;
});
process.on('message', (message: { count: number }) => {
  for (const worker of workers) worker.postMessage(message);
});
process.on('disconnect', () => process.exit());
await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
process.send?.('ready');

function ringBell(): (slot: number) => void {
  const sink = openSink(WIRE_DESCRIPTOR, (error) => {
    throw error;
  });
  const outlet = new Outlet(new MainWriteLock(region), sink, {
    onRoom: () => undefined,
    onGone: () => process.exit(1),
    onWritten: () => undefined,
    onUnreadAnswers: () => undefined,
  });
  const slots = words.map((_, slot) => new SlotSignals(region, slot as SlotNumber));
  return (slot) => {
    slots[slot]?.clearBell();
    outlet.schedule();
  };
}

function funnel(): (slot: number, message: unknown) => void {
  const socket = new Socket({ fd: WIRE_DESCRIPTOR, readable: false, writable: true });
  return (slot, message) => {
    const outstanding = words[slot];
    socket.write(new Uint8Array(message as ArrayBuffer), () => {
      if (outstanding === undefined) return;
      Atomics.sub(outstanding, 0, 1);
      Atomics.notify(outstanding, 0);
    });
  };
}
