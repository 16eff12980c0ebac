import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ControlBlock } from '../../../src/shared-memory/region.ts';
import { OP, type RequestTask } from '../../../src/threads/messages.ts';
import { Inbox } from '../../../src/worker/inbox.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { OpenReader, type OpenedStream } from '../../../src/worker/jobs/opened-stream.ts';
import { OpBatch, OpReader } from '../../../src/threads/op-batch.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

function listening(t: TestContext): { main: MessagePort; inbox: Inbox; heard: string[] } {
  const { port1: main, port2 } = new MessageChannel();
  t.after(() => main.close());
  const heard: string[] = [];
  const inbox = new Inbox(
    port2,
    { read: (number) => ({ kind: 'stream', jobId: number }) as OpenedStream },
    ({ jobId: number }) => void heard.push(`job ${number}`),
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

const job = (number: number): RequestTask => ({ kind: 'handle', jobId: number }) as RequestTask;

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

test('a handler that begins in the middle of a batch, and blocks, gets what is behind it there', async (t) => {
  const { port1: main, port2 } = new MessageChannel();
  t.after(() => main.close());
  const heard: string[] = [];
  const inbox: Inbox = new Inbox(
    port2,
    new OpenReader(DEFAULT_WIRE_LIMITS),
    ({ jobId: number }) => {
      heard.push(`job ${number} begins`);
      if (number === 1) heard.push(`pumped: ${inbox.pump()}`);
      heard.push(`job ${number} returns`);
    },
    (kind, job) => void heard.push(`op ${kind} of ${job}`),
    () => void heard.push('batch end'),
  );
  const batch = new OpBatch();
  const id = { id0: 1, id1: 2, id2: 3, id3: 4 };
  const bytes = new FrameEncoder(id).open({ method: 'm' }).subarray(FrameEncoder.ENVELOPE_BYTES);
  for (const number of [1, 2]) {
    batch.addOpen({
      kind: 'stream',
      stream: id,
      mode: 'sync',
      block: 7 as ControlBlock,
      jobId: number,
      openedAt: 5,
      queuedMs: 0.5,
      bytes,
      start: 0,
      end: bytes.length,
    });
    batch.add(OP.data, number, new Uint8Array(100), 0, 100);
  }
  main.postMessage(batch.take());
  while (!heard.includes('job 2 returns')) await turn();
  assert.deepEqual(heard, [
    'job 1 begins',
    `op ${OP.data} of 1`,
    `op ${OP.data} of 2`,
    'pumped: true',
    'job 1 returns',
    'batch end',
    'job 2 begins',
    'job 2 returns',
  ]);
});

test('a stream arrives with all that its Open says', () => {
  const batch = new OpBatch();
  const id = { id0: -1, id1: 2, id2: 3, id3: 4 };
  const context = {
    ...EMPTY_CONTEXT,
    method: 'm',
    caller: 'zoë',
    deadlineUnixMs: 9,
    metadata: [['a', 'b']],
  } as const;
  const message = new FrameEncoder(id).open(context);
  batch.addOpen({
    kind: 'stream',
    stream: id,
    mode: 'sync',
    jobId: 3,
    block: 7 as ControlBlock,
    openedAt: 1_700_000_000_000.5,
    queuedMs: 0.25,
    bytes: message,
    start: FrameEncoder.ENVELOPE_BYTES,
    end: message.length,
  });
  const ops = new OpReader(batch.take());
  assert.ok(ops.next());
  const stream = new OpenReader(DEFAULT_WIRE_LIMITS).read(ops.target, ops.view());
  assert.deepEqual([ops.kind, stream.jobId, stream.block], [OP.open, 3, 7]);
  assert.deepEqual([stream.openedAt, stream.queuedMs], [1_700_000_000_000.5, 0.25]);
  assert.equal(stream.id, 'ffffffff000000020000000300000004');
  assert.deepEqual(stream.context, context);
  assert.equal(ops.next(), false);
});
