import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { z } from 'zod';
import {
  bytes,
  defineMethod,
  defineModule,
  defineRequest,
  issuesOf,
  json,
  many,
  ModuleError,
  ndjson,
  one,
  text,
  type Codec,
} from '../../src/index.ts';
import { withMethods, type CallTarget } from '../../src/host/index.ts';
import { testModule } from '../../src/testing/index.ts';

const Point = z.object({ x: z.number(), y: z.number() });
const shapes = {
  centre: defineMethod({ input: many(ndjson(Point)), output: one(json(Point)) }),
  count: defineMethod({ input: one(json<{ to: number }>()), output: many(ndjson<number>()) }),
  shout: defineMethod({ input: text(), output: text() }),
  double: defineMethod({ input: one(bytes()), output: one(bytes()) }),
  twice: defineMethod({ output: one(json<number>()) }),
  none: defineMethod({ output: one(json<number>()) }),
  open: defineMethod({ output: one(text()) }),
  then: defineMethod({ output: one(text()) }),
  methods: defineMethod({ output: one(text()) }),
  half: defineRequest({ input: json(z.number()), output: json<number>() }),
  slow: defineMethod({ output: many(ndjson<number>()) }),
};

const slow = defineMethod({ output: many(ndjson<number>()) }).handler(async function* (_input, stream) {
  yield 1;
  await new Promise((resolve) => stream.signal.addEventListener('abort', resolve));
});

const module = defineModule({
  name: 'm',
  version: '1.0.0',
  onServerStream: {
    centre: shapes.centre.handler(async (points) => {
      let [x, y, count] = [0, 0, 0];
      for await (const point of points) {
        x += point.x;
        y += point.y;
        count++;
      }
      return { x: x / count, y: y / count };
    }),
    count: shapes.count.handler(async function* ({ to }) {
      for (let number = 1; number <= to; number++) yield number;
    }),
    shout: shapes.shout.handler(async function* (pieces) {
      for await (const piece of pieces) yield piece.toUpperCase();
    }),
    double: shapes.double.handler((whole) => Buffer.concat([whole, whole])),
    // What a module does whose shapes are not the host's.
    *twice() {
      yield Buffer.from('1');
      yield Buffer.from('2');
    },
    *none() {},
    open: shapes.open.handler(() => 'open'),
    then: shapes.then.handler(() => 'then'),
    methods: shapes.methods.handler(() => 'methods'),
    slow,
  },
  onHandle: { half: shapes.half.handler((number) => number / 2) },
});

async function start(
  t: TestContext,
  receiveWindow = 1 << 22,
): Promise<CallTarget & { now(): number; advance(ms: number): Promise<void> }> {
  const kit = await testModule(module, { receiveWindow });
  t.after(() => kit.close());
  return kit;
}

const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

async function listOf<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

async function errorOf(promise: Promise<unknown>): Promise<ModuleError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ModuleError, `it is ${String(error)}`);
  return error;
}

test('a method with one output gives a promise, with many an async iterable, and never both', async (t) => {
  const client = withMethods(await start(t), shapes);
  const centre = client.centre([
    { x: 0, y: 10 },
    { x: 2, y: 20 },
  ]);
  assert.deepEqual([centre instanceof Promise, Symbol.asyncIterator in centre], [true, false]);
  assert.deepEqual(await centre, { x: 1, y: 15 });
  const count = client.count({ to: 3 });
  assert.deepEqual(['then' in count, Symbol.asyncIterator in count], [false, true]);
  assert.deepEqual(await listOf(count), [1, 2, 3]);
});

test('many values are given as an array, a generator or an async generator, or not at all', async (t) => {
  const client = withMethods(await start(t), shapes);
  const words = ['a', 'b'];
  const lists = [
    words,
    new Set(words),
    (function* () {
      yield* words;
    })(),
    (async function* () {
      yield* words;
    })(),
  ];
  for (const list of lists) assert.equal((await listOf(client.shout(list))).join(''), 'AB');
  assert.deepEqual(await listOf(client.shout()), []);
  const wrong = listOf(client.shout(new Uint8Array(2) as unknown as string[]));
  await assert.rejects(wrong, { name: 'TypeError', message: /takes many values/ });
});

test('small values share frames where the codec may merge them, but not those that come one at a time', async (t) => {
  const count = defineModule({
    name: 'frames',
    version: '1.0.0',
    onServerStream: {
      async *frames(stream) {
        yield Buffer.from(String((await stream.collect()).length));
      },
    },
  });
  const kit = await testModule(count);
  t.after(() => kit.close());
  const frames = (codec: Codec<string>, words: Iterable<string> | AsyncIterable<string>): Promise<number> =>
    withMethods(kit, {
      frames: defineMethod({ input: many(codec), output: one(json<number>()) }),
    }).frames(words);
  const words = Array.from({ length: 1000 }, () => 'x'.repeat(97));
  // 1,000 lines of 100 bytes: one frame of 64 KiB, if no pause of the machine ends one early, and the rest.
  assert.ok((await frames(ndjson(), words)) < 100);
  assert.ok((await frames(text(), words)) < 100);
  assert.equal(await frames(json(), words), 1000);
  assert.equal(
    await frames(
      ndjson(),
      (async function* () {
        yield* words;
      })(),
    ),
    1000,
  );
});

test('one value of bytes may be larger than frames and windows, both ways', async (t) => {
  const client = withMethods(await start(t), shapes);
  const large = Buffer.alloc(3 << 20, 7);
  assert.ok(Buffer.concat([large, large]).equals(await client.double(large)));
});

test('no name of a method is in the way of another, nor of await', async (t) => {
  const client = withMethods(await start(t), shapes);
  assert.equal(await Promise.resolve(client), client);
  assert.equal(await client.open(), 'open');
  assert.equal(await client.methods['then'](), 'then');
  assert.equal(await client.methods['methods'](), 'methods');
  const stream = client.methods.open.open();
  stream.end();
  assert.deepEqual(await stream.collect(), ['open']);
  const names = { toString: shapes.open, __proto__: null, ['constructor']: shapes.open };
  assert.equal(typeof withMethods(await start(t), names).toString.open, 'function');
});

test('an error has code, details, method and invocation id, and its stack begins at the caller’s line', async (t) => {
  const kit = await start(t);
  const client = withMethods(kit, shapes);
  const calls: Record<string, () => Promise<unknown>> = {
    centre: () => client.centre([{ x: 1, y: NaN }], { invocationId: 'i-1' }),
    shout: () => listOf(client.shout([5 as unknown as string], { invocationId: 'i-1' })),
    half: () => client.half('text' as unknown as number, { invocationId: 'i-1' }),
  };
  for (const [method, call] of Object.entries(calls)) {
    const error = await errorOf(call());
    assert.equal(error.method, method);
    assert.equal(error.invocationId, 'i-1');
    const [first, second] = (error.stack ?? '').split('\n');
    assert.equal(first, `ModuleError: ${error.message}`);
    assert.ok(second?.includes(fileURLToPath(import.meta.url)), second);
  }
  const refused = await errorOf(client.centre([{ x: 1, y: NaN }]));
  assert.equal(refused.code, 'invalidArgument');
  assert.deepEqual(issuesOf(refused)[0]?.path, ['y']);
  assert.notEqual(refused.invocationId ?? '', '', 'a call that was given none has one of its own');
  assert.notEqual(refused.invocationId, (await errorOf(client.centre([]))).invocationId);
});

test('an output that is not what the shape says is the handler’s mistake', async (t) => {
  const client = withMethods(await start(t), shapes);
  for (const [call, message] of [
    [client.twice(), /more than one value/],
    [client.none(), /no value/],
  ] as const) {
    const error = await errorOf(call);
    assert.equal(error.code, 'handlerFailed');
    assert.match(error.message, message);
  }
});

test('an input that throws cancels the call, which rejects with the program’s own error', async (t) => {
  const client = withMethods(await start(t), shapes);
  const broken = async function* (): AsyncGenerator<string> {
    yield 'a';
    throw new RangeError('the disk is gone');
  };
  await assert.rejects(listOf(client.shout(broken())), { name: 'RangeError', message: 'the disk is gone' });
  await assert.rejects(listOf(client.shout([5 as unknown as string])), {
    code: 'invalidArgument',
    method: 'shout',
  });
});

test('a call that ends early ends the program’s input, too', async (t) => {
  const client = withMethods(await start(t), shapes);
  let hasEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => (hasEnded = resolve));
  const endless = async function* (): AsyncGenerator<string> {
    try {
      for (;;) yield 'a';
    } finally {
      hasEnded();
    }
  };
  for await (const piece of client.shout(endless())) {
    assert.equal(piece, 'A');
    break;
  }
  await ended;
});

test('leaving the loop, a signal, a deadline and await using all end the call', async (t) => {
  const kit = await start(t);
  const client = withMethods(kit, shapes);
  for await (const number of client.slow()) {
    assert.equal(number, 1);
    break;
  }
  {
    await using values = client.slow();
    assert.deepEqual(await values.next(), { done: false, value: 1 });
  }
  {
    await using _unread = client.slow();
  }
  const abort = new AbortController();
  const aborted = listOf(client.slow([], { signal: abort.signal }));
  abort.abort(new Error('enough'));
  assert.equal((await errorOf(aborted)).code, 'cancelled');
  const late = errorOf(listOf(client.slow([], { deadline: kit.now() + 50 })));
  await kit.advance(50);
  assert.equal((await late).code, 'deadlineExceeded');
});

test('requests are typed functions, with the values of their shape', async (t) => {
  const client = withMethods(await start(t), shapes);
  assert.equal(await client.half(5), 2.5);
  const error = await errorOf(client.half('5' as unknown as number));
  assert.deepEqual([error.code, error.method], ['invalidArgument', 'half']);
});

test('the idle time of a call begins with the module’s first frame', async (t) => {
  const kit = await start(t);
  const client = withMethods(kit, shapes);
  const error = await errorOf(listOf(client.slow([], { idleMs: 5 })));
  assert.deepEqual(
    [error.code, error.message],
    ['deadlineExceeded', 'The module has sent nothing for 5 ms.'],
  );
  for (const idleMs of [0, -1, NaN, 2 ** 31])
    assert.throws(() => client.slow([], { idleMs }), { code: 'invalidArgument', message: /idle time/ });
});

test('a host stream’s rest can be read at once', async (t) => {
  const kit = await start(t);
  for (const [read, expected] of [
    ['bytes', utf8('1\n2\n')],
    ['text', '1\n2\n'],
    ['collect', [utf8('1\n'), utf8('2\n')]],
  ] as const) {
    const stream = kit.openStream('count');
    await stream.send(Buffer.from('{"to":2}'));
    stream.end();
    assert.deepEqual(await stream[read](), expected);
  }
  const wrong = kit.openStream('count');
  await wrong.send(Buffer.from('{"to":2}'));
  wrong.end();
  await assert.rejects(wrong.json(), { code: 'handlerFailed', message: /no JSON/ });
});
