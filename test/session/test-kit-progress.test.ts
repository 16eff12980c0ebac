import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineModule, type ServerStream } from '../../src/index.ts';
import { defineMethod } from '../../src/methods/shape.ts';
import { text } from '../../src/methods/codec.ts';
import { mockStream, testModule } from '../../src/testing/index.ts';
import { built } from '../support/built.ts';

const stages = defineMethod({ progress: text() });

const handlers = {
  *sync(stream: ServerStream) {
    stream.progress({ done: 1 });
    stream.progress({ done: 2 });
    yield Uint8Array.of(1);
  },
  async *async(stream: ServerStream) {
    stream.progress({ done: 1 });
    yield Uint8Array.of(1);
  },
  stages: stages.handler(function* (_input, stream) {
    stream.progress('half');
    yield* [];
  }),
};
const definition = defineModule({ name: 'progress', version: '1.0.0', onServerStream: handlers });

for (const method of ['sync', 'async', 'stages'] as const) {
  test(`on the test’s thread the ${method} handler’s progress comes, and nothing behind its end`, async () => {
    await using module = await testModule(definition);
    const seen: string[] = [];
    const onProgress = (value: Uint8Array): void => void seen.push(Buffer.from(value).toString());
    const stream = module.open(method, { onProgress });
    stream.end();
    await stream.collect();
    await stream.assertOneTerminal();
    assert.deepEqual(seen, [method === 'stages' ? 'half' : '{"done":1}']);
  });
}

test('on threads of their own the latest value leaves while the handler computes', async () => {
  await using module = await testModule(definition, { file: built.fixture('progress') });
  let last = '';
  const stream = module.open('computes' as 'sync', {
    onProgress: (value) => {
      last = Buffer.from(value).toString();
      if (last === '{"done":3}') stream.cancel('seen');
      // The module's clock is the test's: the next value may leave 50 ms after this one.
      else void module.advance(50);
    },
  });
  assert.equal((await stream.outcome).code, 'cancelled');
  assert.equal(last, '{"done":3}');
});

test('a mock stream keeps every value, as the bytes that its method’s codec makes', async () => {
  const mock = mockStream({ input: [] });
  await mock.run((stream) => handlers.sync(stream));
  assert.deepEqual(
    mock.progress.map((value) => JSON.parse(Buffer.from(value).toString()) as unknown),
    [{ done: 1 }, { done: 2 }],
  );
  const typed = mockStream({ input: [] });
  await typed.run(handlers.stages);
  assert.deepEqual(typed.progress, [new Uint8Array(Buffer.from('half'))]);
});
