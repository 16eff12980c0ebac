import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { threadTimes, timesBetween } from '../harness/thread-times.ts';
import { OP } from '../../src/threads/messages.ts';
import { OpBatch } from '../../src/threads/op-batch.ts';

const ROUNDS = 100;
const POSTS_PER_ROUND = 200;
const FRAMES_PER_POST = 5;

/** Main's CPU time for one message of a few 64 B frames to a worker that waits for it, in µs; 0 where it can't be had. */
export async function measurePost(): Promise<number> {
  const echo = `
    const { parentPort } = require('node:worker_threads');
    let seen = 0;
    parentPort.on('message', () => { if (++seen % ${POSTS_PER_ROUND} === 0) parentPort.postMessage(seen); });`;
  const worker = new Worker(echo, { eval: true });
  const batch = new OpBatch();
  const frame = new Uint8Array(64);
  const wake = new Int32Array(new SharedArrayBuffer(4));
  let time = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = threadTimes(process.pid);
    const answered = once(worker, 'message');
    for (let post = 0; post < POSTS_PER_ROUND; post++) {
      for (let i = 0; i < FRAMES_PER_POST; i++) batch.add(OP.data, 1, frame, 0, frame.length);
      const bytes = batch.take();
      worker.postMessage(bytes, [bytes]);
      Atomics.notify(wake, 0);
    }
    await answered;
    // The first half compiles.
    if (round >= ROUNDS / 2) time += timesBetween(before, threadTimes(process.pid)).main;
  }
  await worker.terminate();
  return time / 1000 / ((ROUNDS / 2) * POSTS_PER_ROUND);
}
