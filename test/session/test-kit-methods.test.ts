import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import {
  bytes,
  defineMethod,
  defineModule,
  issuesOf,
  json,
  ModuleError,
  ndjson,
  text,
} from '../../src/index.ts';
import { withMethods } from '../../src/host/index.ts';
import { mockStream, rechunk, testModule } from '../../src/testing/index.ts';

const Point = z.object({ x: z.number(), y: z.number() });

/** Shared by a module and its hosts: no handler, no generated code. */
const shapes = {
  centre: defineMethod({ input: ndjson(Point), output: json(Point) }),
  shout: defineMethod({ input: text(), output: text() }),
};

const typed = defineModule({
  name: 'typed',
  version: '1.0.0',
  onServerStream: {
    centre: shapes.centre.handler(function* (points) {
      let [x, y, count] = [0, 0, 0];
      for (const point of points) {
        x += point.x;
        y += point.y;
        count++;
      }
      yield { x: x / count, y: y / count };
    }),
    shout: shapes.shout.handler(async function* (pieces) {
      for await (const piece of pieces) yield piece.toUpperCase();
    }),
    lengths: defineMethod({ output: json<number>() }).handler(function* (chunks) {
      for (const chunk of chunks) yield chunk.length;
    }),
    dates: defineMethod({
      input: json(
        v.pipe(
          v.string(),
          v.isoDate(),
          v.transform((day) => new Date(day)),
        ),
      ),
      output: text(),
    }).handler(async function* (days) {
      for await (const day of days) yield String(day.getUTCFullYear());
    }),
    ages: defineMethod({
      input: json(type({ age: 'number >= 0' })),
      output: json(type('number < 200')),
    }).handler(async function* (people) {
      for await (const { age } of people) yield age;
    }),
    *raw(stream) {
      for (const chunk of stream) yield chunk;
    },
  },
});

const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

test('values go in and come out in the types of the method', async () => {
  const t = await testModule(typed);
  const stream = t.open('centre');
  await stream.send({ x: 0, y: 10 });
  await stream.send({ x: 2, y: 20 });
  stream.end();
  const centres: { x: number; y: number }[] = await stream.collect();
  assert.deepEqual(centres, [{ x: 1, y: 15 }]);
  const lengths = t.open('lengths');
  await lengths.send(new Uint8Array(7));
  lengths.end();
  assert.deepEqual(await lengths.collect(), [7]);
  await t.close();
});

test('a schema may change a value: the handler gets what it made of it', async () => {
  const t = await testModule(typed);
  const stream = t.open('dates');
  await stream.send('2026-11-22');
  stream.end();
  assert.deepEqual(await stream.collect(), ['2026']);
  await t.close();
});

test('input that the schema refuses is an invalidArgument with the issues in its details', async () => {
  const t = await testModule(typed);
  const stream = t.open('centre');
  await stream.send({ x: 1, y: 1 });
  await stream.raw.send(utf8('{"x": 1, "y": "far"}\n'));
  stream.end();
  const error = await stream.collect().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ModuleError);
  assert.equal(error.code, 'invalidArgument');
  assert.match(error.message, /^value 1 of the input at y: /);
  const details = JSON.parse(Buffer.from(error.details).toString('utf8')) as { issues: { path: unknown }[] };
  assert.deepEqual(
    details.issues.map(({ path }) => path),
    [['y']],
  );
  assert.deepEqual(issuesOf(error)[0]?.path, ['y']);
  assert.deepEqual(issuesOf(new ModuleError('internal', 'x')), []);
  const young = t.open('ages');
  await young.send({ age: -1 });
  assert.deepEqual(
    [(await young.outcome).code, issuesOf(await young.collect().catch((e: unknown) => e))[0]?.path],
    ['invalidArgument', ['age']],
  );
  await t.close();
});

test('output that the schema refuses is the handler’s failure', async () => {
  const t = await testModule(typed);
  const stream = t.open('ages');
  await stream.send({ age: 7 });
  await stream.send({ age: 1000 });
  const { code, message } = await stream.outcome;
  assert.equal(code, 'handlerFailed');
  assert.match(message, /^value 1 of the output/);
  assert.equal(stream.frames, 1, 'what was sound before it has arrived');
  await t.close();
});

test('what is no JSON, or no UTF-8, is an invalidArgument too', async () => {
  const handler = defineMethod({ input: ndjson<number>(), output: ndjson<number>() }).handler(
    function* (numbers) {
      for (const number of numbers) yield number * 2;
    },
  );
  const broken = mockStream({ input: [utf8('1\n2\nthree\n')] });
  const outcome = await broken.run(handler);
  assert.equal(outcome.code, 'invalidArgument');
  assert.match(outcome.message, /^value 2 of the input: it is not JSON/);
  assert.deepEqual(
    broken.sent.map(String),
    [utf8('2\n'), utf8('4\n')].map(String),
    'sound values come first',
  );
  const halfCharacter = mockStream({ input: [utf8('"é').slice(0, 2)] });
  assert.match((await halfCharacter.run(handler)).message, /UTF-8/);
  const wrongBytes = mockStream({ input: [new Uint8Array([0xff])] });
  assert.match(
    (
      await wrongBytes.run(
        defineMethod({ input: text() }).handler(function* () {
          yield* [];
        }),
      )
    ).message,
    /^$/,
    'nobody read them',
  );
});

for (const sizes of [1, [2, 5], { seed: 1 }, 1000]) {
  test(`lines and text don’t depend on how the input is cut: ${JSON.stringify(sizes)}`, async () => {
    const lines = utf8('{"x":1,"y":2}\r\n\n{"x":3,"y":4}\n{"x":"ünï","y":[]}');
    const seen: unknown[] = [];
    const sync = defineMethod({ input: ndjson() }).handler(function* (values) {
      for (const value of values) seen.push(value);
      yield* [];
    });
    assert.equal((await mockStream({ input: rechunk(lines, sizes) }).run(sync)).code, 'close');
    assert.deepEqual(seen, [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
      { x: 'ünï', y: [] },
    ]);
    const mock = mockStream({ input: rechunk(utf8('grüße, 世界'), sizes) });
    await mock.run(typed.onServerStream?.shout ?? (() => {}));
    assert.equal(Buffer.concat(mock.sent).toString('utf8'), 'GRÜSSE, 世界');
  });
}

test('the input goes on where the last loop over it was left', async () => {
  const handler = defineMethod({ input: ndjson<number>(), output: json<number[]>() }).handler(
    function* (numbers) {
      const [first] = numbers;
      yield [first ?? -1];
      yield [...numbers];
    },
  );
  const mock = mockStream({ input: [utf8('1\n2\n3\n'), utf8('4\n')] });
  await mock.run(handler);
  assert.deepEqual(
    mock.sent.map((chunk) => Buffer.from(chunk).toString('utf8')),
    ['[1]', '[2,3,4]'],
  );
});

test('a schema that checks asynchronously serves asynchronous handlers, and is refused to synchronous ones', async () => {
  const schema = z.string().refine(async (value) => value !== 'bad');
  const later = defineMethod({ input: json(schema), output: text() }).handler(async function* (values) {
    for await (const value of values) yield value;
  });
  const good = mockStream({ input: [utf8('"good"')] });
  assert.equal((await good.run(later)).code, 'close');
  const bad = mockStream({ input: [utf8('"bad"')] });
  assert.equal((await bad.run(later)).code, 'invalidArgument');
  const now = defineMethod({ input: json(schema), output: text() }).handler(function* (values) {
    yield* values;
  });
  const outcome = await mockStream({ input: [utf8('"good"')] }).run(now);
  assert.equal(outcome.code, 'handlerFailed');
  assert.match(outcome.message, /async function or generator/);
});

test('a value longer than a frame is cut where the codec may', async () => {
  const long = 'x'.repeat((1 << 20) + 10);
  const t = await testModule(typed);
  const stream = t.open('shout');
  void stream.send(long).then(() => stream.end());
  assert.equal((await stream.collect()).join(''), 'X'.repeat(long.length));
  await t.close();
});

test('a host reads and writes the same types with nothing but the shapes', async () => {
  const t = await testModule(typed);
  // A session, as a module process has it; the table needs no handlers.
  const methods = withMethods(t.session, shapes);
  const stream = methods.shout.open({ metadata: { tone: 'loud' } });
  await stream.send('héllo');
  stream.end();
  const heard: string[] = [];
  for await (const piece of stream) heard.push(piece);
  assert.equal(heard.join(''), 'HÉLLO');
  await stream.closed;
  assert.ok(typed.onServerStream !== undefined);
  const raw = withMethods(t.session, typed.onServerStream).raw.open();
  raw.cancel('enough');
  await assert.rejects(raw.closed, { code: 'cancelled' });
  await t.close();
});

// What follows is checked by the compiler; a line that should be wrong and isn't fails the type check.

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type SentBy<S extends { send(value: never): unknown }> = Parameters<S['send']>[0];
const holds = <_T extends true>(): void => {};

test('types flow from the method to the kit and to the host', () => {
  const check = async (): Promise<void> => {
    const t = await testModule(typed);
    const centre = t.open('centre');
    holds<Equal<Parameters<typeof centre.send>[0], { x: number; y: number }>>();
    holds<Equal<Awaited<ReturnType<typeof centre.collect>>, { x: number; y: number }[]>>();
    // @ts-expect-error the method takes points
    await centre.send('no point');
    holds<Equal<SentBy<ReturnType<typeof t.open<'dates'>>>, string>>();
    holds<Equal<SentBy<ReturnType<typeof t.open<'raw'>>>, Uint8Array>>();
    holds<Equal<SentBy<ReturnType<typeof t.open<'nowhere'>>>, Uint8Array>>();
    const methods = withMethods(t.session, shapes);
    holds<Equal<SentBy<ReturnType<typeof methods.centre.open>>, { x: number; y: number }>>();
    for await (const piece of methods.shout.open()) piece satisfies string;
    // @ts-expect-error the table has no such method
    void methods.nowhere;
    defineMethod({ input: ndjson(Point), output: json<number>() }).handler(function* (points) {
      for (const { x } of points) yield x;
    });
    // @ts-expect-error the output takes numbers
    defineMethod({ output: json<number>() }).handler(function* () {
      yield 'text';
    });
    defineMethod({ input: bytes() }).handler(async function* (chunks) {
      for await (const chunk of chunks) yield chunk.subarray(1);
    });
    // @ts-expect-error a misspelt key is no module
    defineModule({ name: 'm', version: '1', onServerstream: {} });
  };
  assert.equal(typeof check, 'function');
});

const LARGE = 2 * 1_048_576 + 10;

test('a value over 1 MiB is cut where its codec may be, and arrives whole', async () => {
  const large = 'ü'.repeat(LARGE / 2);
  const outputs = [
    [
      'ndjson',
      defineMethod({ output: ndjson<string>() }).handler(function* () {
        yield large;
      }),
    ],
    [
      'text',
      defineMethod({ output: text() }).handler(async function* () {
        yield large;
      }),
    ],
    [
      'bytes',
      defineMethod({ output: bytes() }).handler(function* () {
        yield Buffer.from(large);
      }),
    ],
  ] as const;
  for (const [codec, handler] of outputs) {
    const mock = mockStream({ input: [] });
    assert.equal((await mock.run(handler)).code, 'close', codec);
    assert.ok(mock.sent.every(({ length }) => length <= 1_048_576));
    const whole = Buffer.concat(mock.sent).toString();
    assert.ok(whole === (codec === 'ndjson' ? `"${large}"\n` : large), codec);
  }
});

test('a value over 1 MiB whose codec may not cut it is the handler’s mistake, and nothing of it is sent', async () => {
  for (const handler of [
    defineMethod({ output: json<string>() }).handler(function* () {
      yield 'x';
      yield 'y'.repeat(1_048_575);
    }),
    defineMethod({ output: json<string>() }).handler(async function* () {
      yield 'x';
      yield 'y'.repeat(1_048_575);
    }),
  ]) {
    const mock = mockStream({ input: [] });
    const { code, message } = await mock.run(handler);
    assert.equal(code, 'handlerFailed');
    assert.match(
      message,
      /^value 1 of the output: it has 1048577 bytes as json, .*can't be cut; .*ndjson\(\)/,
    );
    assert.deepEqual(
      mock.sent.map(({ length }) => length),
      [3],
    );
  }
  const fits = mockStream({ input: [] });
  assert.equal(
    (
      await fits.run(
        defineMethod({ output: json<string>() }).handler(function* () {
          yield 'y'.repeat(1_048_574);
        }),
      )
    ).code,
    'close',
  );
});

test('what a codec can not encode is handlerFailed in a handler, and invalidArgument in a host', async () => {
  const wrong = 5 as unknown as string;
  const cases = [
    [
      defineMethod({ output: text() }).handler(function* () {
        yield wrong;
      }),
      /text\(\) sends strings, not a number/,
    ],
    [
      defineMethod({ output: bytes() }).handler(function* () {
        yield 'text' as unknown as Uint8Array;
      }),
      /not a string; encode it/,
    ],
    [
      defineMethod({ output: json() }).handler(function* () {
        yield 10n;
      }),
      /BigInt/,
    ],
  ] as const;
  for (const [handler, message] of cases) {
    const outcome = await mockStream({ input: [] }).run(handler);
    assert.equal(outcome.code, 'handlerFailed');
    assert.match(outcome.message, message);
  }
  const t = await testModule(typed);
  const stream = t.open('shout');
  await assert.rejects(stream.send(wrong), {
    code: 'invalidArgument',
    message: /can't be sent: text\(\) sends strings/,
  });
  stream.cancel('enough');
  const dates = t.open('dates');
  await assert.rejects(dates.send('x'.repeat(1 << 20)), { code: 'invalidArgument', message: /can't be cut/ });
  dates.cancel('enough');
  await t.close();
});
