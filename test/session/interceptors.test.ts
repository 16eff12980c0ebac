import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { withMethods } from '../../src/host/index.ts';
import {
  defineMethod,
  defineModule,
  defineRequest,
  json,
  many,
  ModuleError,
  ndjson,
  one,
  type Interceptor,
} from '../../src/index.ts';
import { testModule, type TestModule } from '../../src/testing/index.ts';

const scope = new AsyncLocalStorage<string>();
const shapes = {
  sync: defineMethod({ input: many(ndjson<number>()), output: many(ndjson<unknown>()) }),
  async: defineMethod({ input: many(ndjson<number>()), output: many(ndjson<unknown>()) }),
  fail: defineMethod({ output: one(json()) }),
  half: defineRequest({ input: json<number>(), output: json<unknown>() }),
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString().trim();

/** Notes everything that it sees. */
function noting(name: string, notes: string[]): Interceptor {
  return ({ side, kind, method }) => {
    const note = (what: string): void => void notes.push(`${name} ${what}`);
    note(`${side} ${kind} ${method}`);
    return {
      run: (next) => {
        note('run');
        return scope.run(name, next);
      },
      input: (payload) => note(`in ${text(payload)}`),
      output: (payload) => note(`out ${text(payload)}`),
      end: (error) => note(`end ${error === undefined ? 'well' : `${error.code}: ${error.message}`}`),
    };
  };
}

async function start(use: readonly Interceptor[]): Promise<TestModule> {
  return (await testModule(
    defineModule({
      name: 'm',
      version: '1.0.0',
      use,
      onServerStream: {
        sync: shapes.sync.handler(function* (numbers) {
          for (const number of numbers) yield [number, scope.getStore()];
        }),
        async: shapes.async.handler(async function* (numbers) {
          for await (const number of numbers) yield [number, scope.getStore()];
        }),
        fail: shapes.fail.handler(() => {
          throw new ModuleError('invalidArgument', 'never');
        }),
      },
      onHandle: { half: shapes.half.handler((number) => [number / 2, scope.getStore()]) },
    }),
  )) as unknown as TestModule;
}

async function listOf(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const value of values) list.push(value);
  return list;
}

for (const method of ['sync', 'async'] as const) {
  test(`a ${method} handler runs in the context of its interceptors, which see the start, each payload and the end`, async (t) => {
    const notes: string[] = [];
    const kit = await start([noting('outer', notes), noting('inner', notes)]);
    t.after(() => kit.close());
    const client = withMethods(kit, shapes);
    assert.deepEqual(await listOf(client[method]([1])), [[1, 'inner']]);
    await kit.settled();
    const inner = notes.filter((note) => note.startsWith('inner')).map((note) => note.slice('inner '.length));
    // A synchronous handler of the test kit starts when all of its input has come.
    const middle = method === 'sync' ? ['in 1', 'run'] : ['run', 'in 1'];
    assert.deepEqual(inner, [`module stream ${method}`, ...middle, 'out [1,"inner"]', 'end well']);
    assert.ok(notes.indexOf('outer run') < notes.indexOf('inner run'), 'the first one is outermost');
    assert.ok(notes.indexOf('inner end well') < notes.indexOf('outer end well'));
  });
}

test('a request is seen in the same way, and so are failures', async (t) => {
  const notes: string[] = [];
  const kit = await start([noting('it', notes)]);
  t.after(() => kit.close());
  const client = withMethods(kit, shapes);
  assert.deepEqual(await client.half(5), [2.5, 'it']);
  assert.deepEqual(notes.splice(0), [
    'it module handle half',
    'it in 5',
    'it run',
    'it out [2.5,"it"]',
    'it end well',
  ]);
  await assert.rejects(client.fail());
  await kit.settled();
  assert.deepEqual(notes.splice(0), ['it module stream fail', 'it run', 'it end invalidArgument: never']);
  await assert.rejects(kit.request('half', Buffer.from('five')), { code: 'invalidArgument' });
  assert.match(notes.at(-1) ?? '', /^it end invalidArgument/);
});

test('an interceptor may refuse a call, at its start or for a payload, and those before it hear of the end', async (t) => {
  const notes: string[] = [];
  const refusing: Interceptor = ({ method }) => {
    if (method === 'fail') throw new ModuleError('unavailable', 'not today');
    return {
      input: (payload) => {
        // Small values of one call may share a payload.
        if (text(payload).includes('2')) throw new ModuleError('resourceExhausted', 'no twos');
      },
    };
  };
  const kit = await start([noting('it', notes), refusing]);
  t.after(() => kit.close());
  const client = withMethods(kit, shapes);
  await assert.rejects(client.fail(), { code: 'unavailable', message: 'not today' });
  await assert.rejects(listOf(client.async([1, 2])), { code: 'resourceExhausted', message: 'no twos' });
  await assert.rejects(listOf(client.sync([2])), { code: 'resourceExhausted' });
  await assert.rejects(client.half(2), { code: 'resourceExhausted' });
  await kit.settled();
  assert.equal(notes.filter((note) => note.startsWith('it end')).length, 4);
});

test('the same interceptor serves a client, and may add to the context of its calls', async (t) => {
  const contexts: unknown[] = [];
  const kit = await start([
    ({ context: { metadata, traceparent } }) => void contexts.push([metadata, traceparent]),
  ]);
  t.after(() => kit.close());
  const notes: string[] = [];
  const adding: Interceptor = () => ({ context: { traceparent: 'tp', metadata: [['b', '2']] } });
  const client = withMethods(kit, shapes, { use: [noting('it', notes), adding] });
  assert.deepEqual(await client.half(5, { metadata: { a: '1' } }), [2.5, null]);
  assert.deepEqual(await listOf(client.async([1], { metadata: { a: '1' } })), [[1, null]]);
  const expected = [
    [
      ['a', '1'],
      ['b', '2'],
    ],
    'tp',
  ];
  assert.deepEqual(contexts, [expected, expected]);
  assert.deepEqual(notes, [
    'it host handle half',
    'it in 5',
    'it run',
    'it out [2.5,null]',
    'it end well',
    'it host stream async',
    'it run',
    'it in 1',
    'it out [1,null]',
    'it end well',
  ]);
});
