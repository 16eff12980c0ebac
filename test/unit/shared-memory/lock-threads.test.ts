import assert from 'node:assert/strict';
import { once } from 'node:events';
import { read } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Outlet } from '../../../src/main/output/outlet.ts';
import { Region, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { SlotSignals } from '../../../src/shared-memory/slot-signals.ts';
import { MainWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { testPipe } from '../../support/fifo.ts';
import { makeFrame, readFrames } from './ring-frames.ts';
import type { RingWriterData } from './ring-writer.ts';
import { openSink } from '../../../src/main/output/sink.ts';

const THREADS = 4;
const FRAMES = 1000;
/** Stands for main in what is read from the wire. */
const MAIN = 100;

/** Node 20 doesn't take tsx over to a thread by itself. */
const BOOTSTRAP = `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => register())
    .then(() => import(${JSON.stringify(new URL('./ring-writer.ts', import.meta.url).href)}));`;

/** Mostly small, some that fill the pipe, a few larger than all that a pipe holds; the same for each seed. */
function sizesOf(seed: number): number[] {
  let state = seed + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % below;
  };
  return Array.from({ length: FRAMES }, (_, i) => {
    const words = i % 100 === 50 ? 20_000 + random(20_000) : i % 5 === 0 ? random(1000) : random(30);
    return 16 + words * 8;
  });
}

/** Reads until the pipe's last writer has closed. */
async function readAll(descriptor: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const length = await new Promise<number>((resolve, reject) => {
      read(descriptor, chunk, 0, chunk.length, null, (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      );
    });
    if (length === 0) return Uint8Array.from(Buffer.concat(chunks));
    chunks.push(chunk.subarray(0, length));
  }
}

test('four threads and main write a pipe at once: every frame is whole, in order, and there once', async (t) => {
  const pipe = testPipe(t, 'write');
  const region = Region.allocate(THREADS, THREADS);
  const lock = new MainWriteLock(region);
  let gone: Error | undefined;
  const sink = openSink(pipe.writeFd, (error) => (gone = error));
  const outlet = new Outlet(lock, sink, {
    onRoom: () => {},
    onGone: (error) => (gone = error),
    onWritten: () => {},
    onUnreadAnswers: () => {},
  });
  const wire = readAll(pipe.readFd);
  let bells = 0;
  const sizes = Array.from({ length: THREADS }, (_, slot) => sizesOf(slot));
  const exits = sizes.map(async (mine, slot) => {
    const data: RingWriterData = { region: region.handle, slot, descriptor: pipe.writeFd, sizes: mine };
    const worker = new Worker(BOOTSTRAP, { eval: true, workerData: data });
    const words = new SlotSignals(region, slot as SlotNumber);
    worker.on('message', (message: string) => {
      if (message !== 'bell') return;
      // Main's own messages, in between.
      outlet.send(makeFrame(MAIN, bells++, 64), true);
      words.clearBell();
      outlet.schedule();
    });
    const [code] = (await once(worker, 'exit')) as [number];
    assert.equal(code, 0);
  });
  await Promise.all(exits);
  await outlet.idle();
  pipe.close('write');
  const seen = readFrames(await wire);
  assert.equal(gone, undefined);
  for (const [slot, mine] of sizes.entries()) {
    const frames = seen.filter(({ ring }) => ring === slot);
    assert.deepEqual(
      frames.map(({ number, size }) => [number, size]),
      mine.map((size, number) => [number, size]),
      `thread ${slot}`,
    );
  }
  const mains = seen.filter(({ ring }) => ring === MAIN).map(({ number }) => number);
  assert.deepEqual(
    mains,
    Array.from({ length: bells }, (_, i) => i),
  );
  assert.ok(bells > 0, 'nothing was ever left to main');
});
