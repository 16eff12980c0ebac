import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlBlock } from '../../../src/shared-memory/region.ts';
import type { FromWorker } from '../../../src/threads/messages.ts';
import { decodeIpcError } from '../../../src/wire/payload-decode.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { RequestJob } from '../../../src/worker/jobs/request-job.ts';
import type { Thread } from '../../../src/worker/thread.ts';
import { OTHER_BYTES } from '../../support/other-bytes.ts';

/** The message limit of this thread, in bytes. */
const MAX_MESSAGE = 8 << 20;

type Answer = FromWorker & { type: 'answer' };

/** Runs one request on a thread that is nothing but its handler; gives what it answers. */
async function answerOf(onHandle: () => unknown): Promise<Answer> {
  const said: FromWorker[] = [];
  const { promise: ended, resolve } = withResolver();
  const thread = {
    jobEnded: resolve,
    module: { manifest: { name: 'm' }, requestHandler: () => onHandle },
    settings: { maxErrorMessageBytes: 4096, maxMessageBytes: MAX_MESSAGE },
    tellMain: (message: FromWorker) => said.push(message),
    control: () => ({ isDecided: false, cause: undefined }),
    services: { for: () => ({}), abandon: () => {} },
    droppedLogs: { add: () => {} },
    failureLog: { tell: () => {} },
  } as unknown as Thread;
  const task = {
    kind: 'handle',
    jobId: 7,
    block: 0 as ControlBlock,
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
  nothing: [() => undefined, /returned undefined; it must return bytes/],
  'an array of larger numbers': [
    () => new Uint16Array(4),
    /Uint16Array; it must return bytes.*new Uint8Array\(array/,
  ],
  text: [() => 'text', /a string; it must return bytes.*new TextEncoder\(\)/],
  'what an error is made of': [
    () => ({ code: 'internal', message: undefined, details: 7 }),
    /must return bytes/,
  ],
  'the same, with details that seem endless': [
    () => ({ code: 'invalidArgument', message: 'x', details: { length: 2 ** 31 } }),
    /must return bytes/,
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

test('a result over the message limit is refused where it is, without a copy', async () => {
  for (const result of [new Uint8Array(MAX_MESSAGE + 1), new ArrayBuffer(MAX_MESSAGE + 1)]) {
    for (const handler of [() => result, async () => result]) {
      const { ok, payload } = await answerOf(handler);
      const { code, message } = decodeIpcError(payload);
      assert.deepEqual([ok, code], [false, 'resourceExhausted']);
      assert.match(message, /8388609 bytes.*8388608/);
    }
  }
});

for (const [what, make] of Object.entries(OTHER_BYTES)) {
  test(`a result of ${what} is answered as the bytes that it holds`, async () => {
    const { ok, payload } = await answerOf(() => make([1, 2, 3]));
    assert.deepEqual([ok, payload], [true, Uint8Array.of(1, 2, 3)]);
    assert.ok(payload.buffer instanceof ArrayBuffer && payload.buffer.byteLength === 3);
  });
}
