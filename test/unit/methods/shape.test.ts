import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import {
  bytes,
  defineMethod,
  defineRequest,
  json,
  many,
  ndjson,
  one,
  text,
  type Codec,
} from '../../../src/index.ts';
import { shapeOf } from '../../../src/methods/shape.ts';

test('a codec by itself means many values of a stream, and one of a request', () => {
  const stream = defineMethod({ input: json(), output: one(json()) });
  assert.deepEqual([stream.input.single, stream.output.single], [false, true]);
  assert.equal(defineMethod({}).input.codec.name, 'bytes');
  const request = defineRequest({ output: json() });
  assert.deepEqual([request.input.single, request.output.single], [true, true]);
});

test('a shape and an entry that was made of it tell the same facts', () => {
  const limits = { description: 'sums', timeoutMs: 5, concurrency: 2, maxInputBytes: 9 };
  const shape = defineMethod({
    ...limits,
    input: ndjson<number>(),
    output: one(json<number>()),
    progress: text(),
  });
  const entry = shape.handler(async () => 1);
  for (const facts of [shapeOf(shape), shapeOf(entry)]) {
    assert.deepEqual({ ...limits, ...facts }, facts);
    assert.equal(facts.kind, 'stream');
    assert.deepEqual([facts.input.codec.name, facts.input.single], ['ndjson', false]);
    assert.deepEqual([facts.output.codec.name, facts.output.single], ['json', true]);
    assert.equal(facts.progress?.name, 'text');
  }
  assert.deepEqual([shapeOf(shape).mode, shapeOf(entry).mode], [undefined, 'async']);
});

test('a handler without a shape takes and gives bytes, and may have limits', () => {
  const plain = shapeOf(function* () {});
  assert.deepEqual([plain.mode, plain.input.codec.name, plain.output.single], ['sync', 'bytes', false]);
  const moded = shapeOf({ mode: 'async', handler: () => {}, timeoutMs: 7 });
  assert.deepEqual([moded.mode, moded.timeoutMs, moded.kind], ['async', 7, 'stream']);
  const request = shapeOf(() => new Uint8Array(0), 'handle');
  assert.deepEqual([request.kind, request.input.single], ['handle', true]);
});

test('a limit that is no whole number above 0 is refused where the shape is made', () => {
  for (const limit of [0, -1, 1.5, NaN, Infinity]) {
    for (const name of ['timeoutMs', 'concurrency', 'maxInputBytes'])
      assert.throws(() => defineMethod({ [name]: limit }), { name: 'RangeError', message: new RegExp(name) });
  }
});

test('a generator can’t be the handler of a method with one output', () => {
  const shape = defineMethod({ output: one(json()) });
  for (const handler of [function* () {}, async function* () {}])
    assert.throws(() => shape.handler(handler), { name: 'TypeError', message: /returns it/ });
});

test('a codec gives the JSON Schema of each side where its validator can', () => {
  const zod = json(z.object({ at: z.string().default('now') }));
  const sides = (['input', 'output'] as const).map(
    (side) => JSON.parse(zod.jsonSchema?.(side) ?? '{}') as { required?: string[] },
  );
  assert.deepEqual(
    sides.map(({ required }) => required),
    [undefined, ['at']],
  );
  assert.match(ndjson(type({ age: 'number >= 0' })).jsonSchema?.('input') ?? '', /"minimum":0/);
  const transformed = json(z.string().transform((day) => new Date(day)));
  assert.match(transformed.jsonSchema?.('input') ?? '', /"string"/);
  assert.equal(transformed.jsonSchema?.('output'), undefined, 'no JSON Schema has a Date');
  assert.equal(json(v.string()).jsonSchema?.('input'), undefined, 'valibot has it in a package of its own');
  assert.equal(json().jsonSchema?.('input'), undefined);
  assert.equal(bytes().jsonSchema?.('input'), undefined);
});

test('an author’s own codec is as good as ours', () => {
  const csv: Codec<string[]> = {
    name: 'csv',
    mayCut: false,
    encode: (value) => new TextEncoder().encode((value as string[]).join(',')),
    decoder: () => ({
      push: (payload) => [new TextDecoder().decode(payload).split(',')],
      end: () => [],
    }),
  };
  const shape = defineMethod({ input: many(csv), output: one(csv) });
  const entry = shape.handler((rows) => [...rows].map(([first]) => first ?? ''));
  assert.equal(shapeOf(entry).output.codec.name, 'csv');
});
