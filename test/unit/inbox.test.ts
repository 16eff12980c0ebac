import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { OP, OpBatch, type Task } from '../../src/thread-messages.ts';
import { Inbox } from '../../src/worker/inbox.ts';

function listening(t: TestContext): { main: MessagePort; inbox: Inbox; heard: string[] } {
  const { port1: main, port2 } = new MessageChannel();
  t.after(() => main.close());
  const heard: string[] = [];
  const inbox = new Inbox(
    port2,
    ({ number }) => void heard.push(`job ${number}`),
    (kind, job) => void heard.push(`op ${kind} of ${job}`),
    () => void heard.push('batch end'),
  );
  return { main, inbox, heard };
}

function end(job: number): ArrayBuffer {
  const batch = new OpBatch();
  batch.add(OP.end, job, new Uint8Array(0), 0, 0);
  return batch.take();
}

const job = (number: number): Task => ({ kind: 'handle', number }) as Task;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('jobs and operations are heard in their order, by the event loop', async (t) => {
  const { main, heard } = listening(t);
  for (const message of [job(1), end(1), job(2)]) main.postMessage(message);
  while (heard.length < 4) await turn();
  assert.deepEqual(heard, ['job 1', `op ${OP.end} of 1`, 'batch end', 'job 2']);
});

test('a job that comes while a handler blocks begins when none does, and ahead of the next', async (t) => {
  const { main, inbox, heard } = listening(t);
  // In here an immediate comes after what the event loop delivers.
  await turn();
  main.postMessage(end(1));
  main.postMessage(job(2));
  main.postMessage(end(2));
  while (!inbox.pump());
  assert.deepEqual(heard, [`op ${OP.end} of 1`, `op ${OP.end} of 2`], 'the operations alone');
  main.postMessage(job(3));
  while (heard.length < 4) await turn();
  assert.deepEqual(heard.slice(2), ['job 2', 'job 3']);
});

test('a job that comes while a handler blocks begins without another message', async (t) => {
  const { main, inbox, heard } = listening(t);
  main.postMessage(job(1));
  while (!inbox.pump());
  assert.deepEqual(heard, []);
  while (heard.length < 1) await turn();
});
