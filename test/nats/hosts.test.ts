import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { ERROR_CODES } from '../../src/errors.ts';
import { defineMethod, json, ndjson, text } from '../../src/index.ts';
import { withMethods, type HostStream, type ModuleHost } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { connect, joinNode, LIMIT, startServer } from './world.ts';

/** Sees every message that the module sends. */
type OnWire = (direction: 'in' | 'out', message: Uint8Array) => void;

/** The same suites over both ways to a module. The server takes 64 KiB a message, so that large frames travel in pieces. */
const WAYS: Readonly<
  Record<string, (t: TestContext, onWire?: OnWire, fixture?: string) => Promise<ModuleHost>>
> = {
  pipe: (t, onWire, fixture = 'conformance') =>
    Promise.resolve(
      startModule(t, {
        file: built.fixture(fixture),
        args: ['--workers', '2'],
        ...(onWire === undefined ? {} : { onWire }),
      }),
    ),
  NATS: async (t, onWire, fixture = 'conformance') => {
    const server = await startServer(t, 'max_payload: 65536');
    await joinNode(t, server, { file: built.fixture(fixture), workers: 2 });
    return connect(t, server, { name: fixture, ...(onWire === undefined ? {} : { onWire }) });
  },
};

async function collect(stream: HostStream): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const data of stream) all.push(data);
  return all;
}

async function callWith(
  module: ModuleHost,
  name: string,
  input: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const stream = module.openStream(name);
  const sending = (async () => {
    for (const data of input) await stream.send(data);
    stream.end();
  })();
  const answer = await collect(stream);
  await sending;
  return answer;
}

const uint64 = (data: Uint8Array | undefined): bigint =>
  new DataView((data ?? new Uint8Array(8)).slice().buffer).getBigUint64(0, true);

for (const [way, open] of Object.entries(WAYS)) {
  test(`over ${way}: echo gives each Data back with its boundaries, from 0 B to 1 MiB`, LIMIT, async (t) => {
    const module = await open(t);
    const input = [0, 1, 65_536, 1_048_576, 1_048_576, 64, 0].map(
      (size) => new Uint8Array(randomBytes(size)),
    );
    assert.deepEqual(await callWith(module, 'echo', input), input);
  });

  test(`over ${way}: a host that asks for progress gets it while the handler runs`, LIMIT, async (t) => {
    const module = await open(t, undefined, 'progress');
    const seen: unknown[] = [];
    const stream = module.openStream('half', {
      onProgress: (value) => {
        seen.push(JSON.parse(Buffer.from(value).toString()));
        stream.end();
      },
    });
    await stream.closed;
    assert.deepEqual(seen, [{ done: 1500, total: 3000 }]);
  });

  test(`over ${way}: many frames in both directions keep their order and their bytes`, LIMIT, async (t) => {
    const module = await open(t);
    const input = Array.from({ length: 20_000 }, (_, at) => Uint8Array.of(at & 0xff, at >> 8, 7));
    const sent = createHash('sha256').update(Buffer.concat(input)).digest('hex');
    const answer = await callWith(module, 'echo', input);
    assert.equal(createHash('sha256').update(Buffer.concat(answer)).digest('hex'), sent);
    assert.equal(answer.length, input.length);
  });

  test(`over ${way}: after a half-close the handler goes on sending`, LIMIT, async (t) => {
    const module = await open(t);
    const [answer] = await callWith(module, 'sink', [new Uint8Array(1_000_000), new Uint8Array(5)]);
    assert.equal(uint64(answer), 1_000_005n);
  });

  test(
    `over ${way}: cancel ends a stream with cancelled, once, and its place is free again`,
    LIMIT,
    async (t) => {
      const module = await open(t);
      for (const name of ['echo', 'spin', 'echo']) {
        const stream = module.openStream(name, { metadata: { ms: '60000' } });
        if (name === 'echo') {
          await stream.send(Uint8Array.of(1));
          await stream.next();
        }
        stream.cancel('enough');
        await assert.rejects(stream.closed, { code: 'cancelled' });
      }
      assert.deepEqual(await callWith(module, 'echo', [Uint8Array.of(3)]), [Uint8Array.of(3)]);
    },
  );

  test(`over ${way}: a signal cancels, and leaving the loop early does`, LIMIT, async (t) => {
    const module = await open(t);
    const stop = new AbortController();
    const stream = module.openStream('echo', { signal: stop.signal });
    await stream.send(Uint8Array.of(1));
    await stream.next();
    stop.abort(new Error('enough'));
    await assert.rejects(stream.closed, { code: 'cancelled' });
    const source = module.openStream('source', { metadata: { count: '1000000', size: '8' } });
    for await (const _ of source) break;
    await assert.rejects(source.closed, { code: 'cancelled' });
  });

  test(`over ${way}: a deadline ends a handler that runs on`, LIMIT, async (t) => {
    const module = await open(t);
    const stream = module.openStream('spin', { metadata: { ms: '60000' }, deadline: Date.now() + 1_500 });
    await assert.rejects(stream.closed, { code: 'deadlineExceeded' });
  });

  test(`over ${way}: a module sends no further than its credit`, LIMIT, async (t) => {
    const frames: number[] = [];
    const module = await open(t, (direction, message) => {
      if (direction === 'in' && message.length >= 4_096) frames.push(message.length);
    });
    const stream = module.openStream('source', {
      metadata: { count: '100', size: '4096' },
      initialCredit: 10_000,
      autoCredit: false,
    });
    for (let at = 0; at < 3; at += 1) assert.equal(uint64((await stream.next()).value), BigInt(at));
    // Whatever else was on its way would be here before the answer to a later question.
    await module.health();
    assert.equal(frames.length, 3);
    stream.grant(50_000_000);
    assert.equal((await collect(stream)).length, 97);
  });

  test(`over ${way}: what the host sends waits for the handler to take it`, LIMIT, async (t) => {
    const module = await open(t);
    const stream = module.openStream('slow-consumer', { metadata: { ms: '20' } });
    let sent = 0;
    const chunk = new Uint8Array(65_536);
    const sending = (async () => {
      for (; sent < 20; sent += 1) await stream.send(chunk);
      stream.end();
    })();
    await module.health();
    assert.ok(sent < 20, `${sent} of 20 were sent at once`);
    await sending;
    assert.equal(uint64((await collect(stream))[0]), 1_310_720n);
  });

  test(`over ${way}: every code arrives as it was thrown, exactly one terminal each`, LIMIT, async (t) => {
    const module = await open(t);
    let ends = 0;
    for (const code of ERROR_CODES) {
      const stream = module.openStream('fail-code', { metadata: { code } });
      stream.closed.catch(() => (ends += 1));
      await assert.rejects(collect(stream), { code, message: `failed with ${code}` });
    }
    const unknown = module.openStream('no-such-method');
    await assert.rejects(unknown.closed, { code: 'methodNotFound' });
    assert.equal(ends, ERROR_CODES.length);
  });

  test(`over ${way}: a typed client works as it is`, LIMIT, async (t) => {
    const module = await open(t);
    const methods = {
      echo: defineMethod({ input: ndjson(), output: ndjson() }),
      context: defineMethod({ output: json() }).handler(() => []),
      'fail-code': defineMethod({ output: text() }),
    };
    const typed = withMethods(module, methods);
    const stream = typed.echo.open();
    await stream.send({ a: 1 });
    await stream.send([2]);
    stream.end();
    const values: unknown[] = [];
    for await (const value of stream) values.push(value);
    assert.deepEqual(values, [{ a: 1 }, [2]]);
    const called: unknown[] = [];
    for await (const value of typed.echo([{ a: 1 }, [2]])) called.push(value);
    assert.deepEqual(called, values);
  });

  test(`over ${way}: the context arrives, with trace context and metadata`, LIMIT, async (t) => {
    const module = await open(t);
    const fields = {
      invocationId: 'i-1',
      caller: 'me',
      tenant: 'us',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=b',
      metadata: { k: 'v' },
    };
    const [answer] = await collect(module.openStream('context', fields));
    const seen: unknown = JSON.parse(Buffer.from(answer ?? []).toString());
    assert.deepEqual(seen, { method: 'context', deadlineUnixMs: 0, ...fields });
  });

  test(`over ${way}: unary requests have bodies of 8 MiB, and errors`, LIMIT, async (t) => {
    const module = await open(t);
    const bodies = [0, 1, 8 << 20, 8 << 20].map((size) => new Uint8Array(size).fill(size & 0xff));
    const answers = await Promise.all(bodies.map((body) => module.request('echo', body)));
    for (const [at, body] of bodies.entries())
      assert.ok(Buffer.from(answers[at] ?? []).equals(Buffer.from(body)));
    await assert.rejects(module.request('fail', new Uint8Array(0)), {
      code: 'handlerFailed',
      message: 'boom',
    });
    await assert.rejects(module.request('nothing', new Uint8Array(0)), { code: 'methodNotFound' });
  });

  test(`over ${way}: initialize and health say what the module says`, LIMIT, async (t) => {
    const module = await open(t);
    const info = await module.initialize();
    assert.equal(info.moduleName, 'conformance');
    assert.equal(info.workers, 2);
    assert.ok(info.methods.includes('echo'));
    assert.equal((await module.health()).status, 'serving');
  });
}
