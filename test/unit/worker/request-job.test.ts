import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleDefinition } from '../../../src/module.ts';
import type { JobNumber } from '../../../src/shared-memory/region.ts';
import type { FromWorker } from '../../../src/threads/messages.ts';
import { decodeIpcError } from '../../../src/wire/payload-decode.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { RequestJob } from '../../../src/worker/jobs/request-job.ts';
import type { Thread } from '../../../src/worker/thread.ts';

type Answer = FromWorker & { type: 'answer' };

/** Runs one request on a thread that is nothing but its handler; gives what it answers. */
async function answerOf(onHandle: () => unknown): Promise<Answer> {
  const said: FromWorker[] = [];
  const { promise: ended, resolve } = withResolver();
  const thread = {
    ended: resolve,
    module: { definition: { name: 'm', version: '1', onHandle } as ModuleDefinition },
    settings: { maxErrorMessageBytes: 4096 },
    say: (message: FromWorker) => said.push(message),
    control: () => ({ isDecided: false, cause: undefined }),
    services: { for: () => ({}), abandon: () => {} },
    droppedLogs: { add: () => {} },
  } as unknown as Thread;
  const task = {
    kind: 'handle',
    number: 7,
    job: 0 as JobNumber,
    context: EMPTY_CONTEXT,
    body: new Uint8Array(0),
  } as const;
  new RequestJob(thread, task).run();
  await ended;
  const [answer, ...more] = said;
  assert.equal(more.length, 0, 'one answer');
  assert.equal(answer?.type, 'answer');
  return answer;
}

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

const NO_ANSWER: Record<string, [() => unknown, RegExp]> = {
  'a buffer that was transferred': [detached, /detached/],
  nothing: [() => undefined, /Undefined.* must return a Uint8Array/],
  'an ArrayBuffer': [() => new ArrayBuffer(4), /ArrayBuffer.* must return a Uint8Array/],
  text: [() => 'text', /String.* must return a Uint8Array/],
  'what an error is made of': [
    () => ({ code: 'internal', message: undefined, details: 7 }),
    /must return a Uint8Array/,
  ],
  'the same, with details that seem endless': [
    () => ({ code: 'invalidArgument', message: 'x', details: { length: 2 ** 31 } }),
    /must return a Uint8Array/,
  ],
};

for (const [what, [make, message]] of Object.entries(NO_ANSWER)) {
  for (const [how, handler] of [
    ['returns', make],
    ['promises', async () => make()],
  ] as const) {
    test(`a handler that ${how} ${what} is told so, as an error of its own`, async () => {
      const { ok, payload } = await answerOf(handler);
      const error = decodeIpcError(payload);
      assert.deepEqual([ok, error.code], [false, 'handlerFailed']);
      assert.match(error.message, message);
    });
  }
}

test('an answer takes along no more than its own bytes, also from a Buffer', async () => {
  const large = Buffer.alloc(1 << 20, 5);
  for (const view of [large.subarray(10, 30), new Uint8Array(large.buffer, large.byteOffset + 10, 20)]) {
    for (const handler of [() => view, async () => view]) {
      const { ok, payload } = await answerOf(handler);
      assert.deepEqual([ok, [...payload]], [true, Array.from({ length: 20 }, () => 5)]);
      assert.equal(payload.buffer.byteLength, 20);
    }
  }
});
