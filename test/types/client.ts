// What a host sees of the types. It is compiled and never run: a line that should be wrong and isn't fails the compilation.
import { defineMethod, json, many, ModuleError, one, text } from '../../src/index.ts';
import { spawnModule, withMethods, type ModuleHost, type OnService } from '../../src/host/index.ts';
import { testModule } from '../../src/testing/index.ts';
import { module as tested, shapes as authors } from './handlers.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_T extends true>(): void => {};
/** Compiles only for a value of exactly that type. */
const exact =
  <T>() =>
  <V>(value: V, ..._holds: Equal<V, T> extends true ? [] : [never]): void =>
    void value;

const shapes = {
  ...authors,
  then: defineMethod({ output: one(text()) }),
  open: defineMethod({ output: one(text()) }),
  none: defineMethod({
    input: many(json<number>()),
    output: one(json<number>()),
    progress: json<{ done: number }>(),
  }),
};

export async function calls(host: ModuleHost): Promise<void> {
  const client = withMethods(host, shapes);

  // One output is a promise, many an async iterable, and neither is the other.
  const first = client.first(['2026-11-30'], { deadline: Date.now(), idleMs: 5 });
  holds<Equal<typeof first, Promise<Date>>>();
  const events = client.events({ to: 3 });
  for await (const event of events) {
    if (event.kind === 'start') event.of satisfies number;
    // @ts-expect-error the end has no number
    if (event.kind === 'end') event.of satisfies number;
  }
  // @ts-expect-error an async iterable is no promise
  void events.then;
  // @ts-expect-error a promise is no iterable
  void client.first()[Symbol.asyncIterator];

  // Many values may be given as anything that can be iterated, or left out.
  await client.first();
  await client.first(new Set(['2026-11-30']));
  await client.first(
    (async function* () {
      yield '2026-11-30';
    })(),
  );
  // @ts-expect-error the schema takes text
  await client.first([new Date()]);
  // @ts-expect-error one value is needed
  client.events();
  // @ts-expect-error the field is a number
  client.events({ to: '3' });

  holds<Equal<ReturnType<typeof client.half>, Promise<number>>>();
  await client.half('text', { metadata: { a: 'b' } });
  // @ts-expect-error a request has no idle time
  await client.half('text', { idleMs: 5 });

  // No name is in the way of another.
  holds<Equal<Awaited<typeof client>, typeof client>>();
  holds<Equal<Awaited<ReturnType<typeof client.open>>, string>>();
  holds<Equal<Awaited<ReturnType<(typeof client.methods)['then']>>, string>>();
  // @ts-expect-error the table has no such method
  void client.nowhere;

  await client.none([1], {
    onProgress: (value) => exact<{ done: number }>()(value),
  });
  client.events({ to: 1 }, { onProgress: (value) => exact<Uint8Array>()(value) });

  await using stream = client.events.open();
  await stream.send({ to: 3 });
  // @ts-expect-error the method takes one object
  await stream.send('text');

  try {
    await first;
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    holds<Equal<typeof error.method, string | undefined>>();
    holds<Equal<typeof error.invocationId, string | undefined>>();
  }
}

export const services: OnService = {
  tax: { of: authors.half.handler((input, call) => (input + call.service).length) },
};

export async function everywhere(): Promise<void> {
  await using child = spawnModule({ file: 'm.ts', onService: services });
  await using kit = await testModule(tested);
  await calls(child);
  const client = withMethods(kit, tested.onServerStream ?? {});
  void client;
  const typed = withMethods(kit, shapes);
  exact<Promise<Date>>()(typed.first());
  const raw = kit.open('raw');
  await raw.send(new Uint8Array(1));
  holds<Equal<Awaited<ReturnType<typeof raw.collect>>, Uint8Array[]>>();
}
