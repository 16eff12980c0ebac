// What an author sees of the types. It is compiled and never run: a line that should be wrong and isn't fails the compilation.
import { Readable } from 'node:stream';
import {
  bytes,
  defineMethod,
  defineModule,
  defineRequest,
  json,
  many,
  ndjson,
  one,
  text,
  withServices,
  type StandardSchema,
} from '../../src/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_T extends true>(): void => {};
/** Compiles only for a value of exactly that type. */
const exact =
  <T>() =>
  <V>(value: V, ..._holds: Equal<V, T> extends true ? [] : [never]): void =>
    void value;

type Event = { kind: 'start'; of: number } | { kind: 'step'; at: number } | { kind: 'end' };
declare const Day: StandardSchema<string, Date>;

const events = defineMethod({ input: one(json<{ to: number }>()), output: many(ndjson<Event>()) });

// A yield of a union needs no `as const`.
events.handler(function* ({ to }) {
  yield { kind: 'start', of: to };
  if (to > 3) yield { kind: 'step', at: 1 };
  yield { kind: 'end' };
});
events.handler(async function* ({ to }) {
  yield { kind: 'start', of: to };
  await Promise.resolve();
  yield { kind: 'end' };
});
events.handler(({ to }) => [{ kind: 'start', of: to }, { kind: 'end' }]);
events.handler(async ({ to }) => [{ kind: 'start', of: to }, { kind: 'end' }]);
events.handler(async (input, stream) => {
  holds<Equal<typeof input, { to: number }>>();
  await stream.send(new Uint8Array(1));
  holds<Equal<ReturnType<typeof stream.trySend>, boolean>>();
});
// @ts-expect-error no such kind
events.handler(function* () {
  yield { kind: 'stop' };
});
// @ts-expect-error a value of the union lacks a field
events.handler(async function* () {
  yield { kind: 'start' };
});

// The handler of one output returns it.
const first = defineMethod({ input: many(json(Day)), output: one(json(Day)) });
first.handler((days) => {
  for (const day of days) exact<Date>()(day);
  return '2026-11-30';
});
first.handler(async (days) => {
  for await (const day of days) exact<Date>()(day);
  return '2026-11-30';
});
// @ts-expect-error the schema takes text and gives a Date
first.handler(() => new Date());
// @ts-expect-error it returns its only value
first.handler(function* () {
  yield '2026-11-30';
});
// @ts-expect-error it returns nothing
first.handler(async () => {});

// An array is one value where the shape says one.
defineMethod({ output: one(json<number[]>()) }).handler(() => [1, 2]);
defineMethod({ output: many(json<number[]>()) }).handler(() => [[1, 2]]);
// @ts-expect-error many values of number[] are no numbers
defineMethod({ output: many(json<number[]>()) }).handler(() => [1, 2]);

// Without codecs it is bytes, from anything that gives them.
defineMethod({}).handler(async function* (chunks) {
  for await (const chunk of chunks) yield chunk.subarray(1);
});
defineMethod({ output: bytes() }).handler(
  () => Readable.from([Buffer.from('x')]) as AsyncIterable<Uint8Array>,
);
// @ts-expect-error text is no bytes
defineMethod({}).handler(() => ['text']);

const services = { tax: { of: defineRequest({ input: json<number>(), output: json<{ tax: number }>() }) } };
const half = defineRequest({ input: text(), output: json<number>() });

export const shapes = { events, first, half };
export const module = defineModule({
  name: 'm',
  version: '1.0.0',
  onServerStream: {
    events: events.handler(function* ({ to }, stream) {
      yield { kind: 'start', of: withServices(stream, services).tax.of.sync(to).tax };
    }),
    *raw(stream) {
      for (const chunk of stream) {
        holds<Equal<typeof chunk, Uint8Array>>();
        yield chunk;
      }
    },
    async plain(stream) {
      await stream.send(await stream.bytes());
    },
  },
  onHandle: {
    half: half.handler((input, request) => input.length / request.context.method.length),
    raw: ({ body }) => body,
  },
});

// @ts-expect-error the answer is a number
half.handler(() => 'text');
// @ts-expect-error a misspelt key is no module
defineModule({ name: 'm', version: '1', onServerstream: {} });
// @ts-expect-error a request has one value
defineRequest({ input: many(text()) });
