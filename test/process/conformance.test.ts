import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { ERROR_CODES } from '../../src/errors.ts';
import type { ModuleProcess, TransportKind } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { call, callForOne, endsWith, LIMIT, TRANSPORTS, uint64Of } from './helpers.ts';

/** The sizes at which something changes: nothing, one byte, a whole pipe, the largest frame. */
const SIZES = [0, 1, 65_536, 1_048_576];

const rows: Record<string, (module: ModuleProcess, t: TestContext) => Promise<void>> = {
  'echo and echo-async give each Data back with its boundaries, from 0 B to 1 MiB': async (module) => {
    const input = [...SIZES, ...SIZES.toReversed()].map((size) => randomBytes(size));
    for (const method of ['echo', 'echo-async']) {
      const answer = await call(module, method, { input });
      assert.deepEqual(
        answer.map(({ length }) => length),
        input.map(({ length }) => length),
      );
      for (const [index, data] of answer.entries()) assert.ok(input[index]?.equals(data));
    }
  },

  'sink counts the bytes': async (module) => {
    const input = [...SIZES, 7].map((size) => new Uint8Array(size));
    assert.equal(uint64Of(await callForOne(module, 'sink', { input })), 1_114_120n);
    assert.equal(uint64Of(await callForOne(module, 'sink')), 0n);
  },

  'source numbers its Data from 0 and fills them with zeroes': async (module) => {
    for (const [count, size] of [
      [0, 8],
      [1, 8],
      [1_000, 13],
      [3, 1_048_576],
    ] as const) {
      const answer = await call(module, 'source', { metadata: { count: `${count}`, size: `${size}` } });
      assert.equal(answer.length, count);
      for (const [index, data] of answer.entries()) {
        assert.equal(data.length, size);
        assert.equal(uint64Of(data.slice(0, 8)), BigInt(index));
        assert.ok(data.subarray(8).every((byte) => byte === 0));
      }
    }
  },

  'sha256 gives the digest of all chunks': async (module) => {
    const input = [randomBytes(100_000), new Uint8Array(0), randomBytes(1_048_576), randomBytes(3)];
    const digest = await callForOne(module, 'sha256', { input });
    const expected = createHash('sha256').update(Buffer.concat(input)).digest();
    assert.deepEqual(Buffer.from(digest), expected);
  },

  'spin burns its time and tells its rounds': async (module) => {
    const started = performance.now();
    const rounds = uint64Of(await callForOne(module, 'spin', { metadata: { ms: '50' } }));
    assert.ok(performance.now() - started >= 50);
    assert.ok(rounds >= 1_000n && rounds % 1_000n === 0n, `${rounds}`);
  },

  'mandelbrot computes the rows that were asked for, to the last bit': async (module) => {
    const size = { width: '70', height: '50', maxIter: '300' };
    const halves = await Promise.all([
      call(module, 'mandelbrot', { metadata: { ...size, y0: '0', rows: '30' } }),
      call(module, 'mandelbrot', { metadata: { ...size, y0: '30', rows: '20' } }),
    ]);
    const picture = halves.flat();
    assert.equal(picture.length, 50);
    for (const [py, row] of picture.entries()) {
      const expected = Array.from({ length: 70 }, (_, px) => escapeRounds(px, py, 70, 50, 300) & 255);
      assert.deepEqual([...row], expected, `row ${py}`);
    }
    // The main cardioid never escapes; the left edge, at |c| > 2, does after one round.
    assert.deepEqual([picture[25]?.[50], picture[20]?.[0]], [300 & 255, 1]);
  },

  'slow-consumer sleeps between its reads': async (module) => {
    const started = performance.now();
    const input = [1, 2, 3].map((size) => new Uint8Array(size));
    const total = await callForOne(module, 'slow-consumer', { input, metadata: { ms: '20' } });
    assert.equal(uint64Of(total), 6n);
    assert.ok(performance.now() - started >= 2 * 20);
  },

  'context gives all of the InvocationContext as JSON': async (module) => {
    const fields = {
      invocationId: 'inv-1',
      caller: 'käthe@example.org',
      tenant: 'tenant "a"',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'vendor=1',
    };
    const metadata = { one: '1', empty: '', ünïcode: '😀' };
    const deadline = Date.now() + 3_600_000;
    const data = await callForOne(module, 'context', { ...fields, metadata, deadline });
    const expected = { ...fields, method: 'context', deadlineUnixMs: deadline, metadata };
    assert.deepEqual(JSON.parse(Buffer.from(data).toString()), expected);
    const empty = JSON.parse(Buffer.from(await callForOne(module, 'context')).toString()) as object;
    assert.deepEqual(empty, {
      invocationId: '',
      method: 'context',
      caller: '',
      tenant: '',
      deadlineUnixMs: 0,
      traceparent: '',
      tracestate: '',
      metadata: {},
    });
  },

  'fail fails with handlerFailed and boom': async (module) => {
    assert.equal(await endsWith(module.openStream('fail'), 'handlerFailed'), 'boom');
  },

  'fail-code fails with every code by its name': async (module) => {
    for (const code of ERROR_CODES) {
      const stream = module.openStream('fail-code', { metadata: { code } });
      assert.match(await endsWith(stream, code), new RegExp(code));
    }
    await endsWith(module.openStream('fail-code', { metadata: { code: 'toString' } }), 'invalidArgument');
  },

  'metadata that is missing or no number is an invalidArgument': async (module) => {
    for (const metadata of [{}, { count: '1' }, { count: '-1', size: '8' }, { count: '1', size: '7' }]) {
      await endsWith(module.openStream('source', { metadata }), 'invalidArgument');
    }
  },

  'the unary methods echo, fail, and refuse the rest': async (module) => {
    for (const size of [0, 1, 2_000_000]) {
      const body = randomBytes(size);
      assert.deepEqual(Buffer.from(await module.request('echo', body)), body);
    }
    await assert.rejects(module.request('fail', new Uint8Array(0)), {
      code: 'handlerFailed',
      message: 'boom',
    });
    await assert.rejects(module.request('sink', new Uint8Array(0)), {
      code: 'methodNotFound',
      message: /sink/,
    });
  },

  'initialize tells what the module is': async (module) => {
    const { methods, methodInfo, ...told } = await module.initialize({ runtimeName: 'test' });
    assert.deepEqual(told, {
      protocolVersion: 1,
      moduleName: 'conformance',
      moduleVersion: '1.0.0',
      capabilities: ['handle', 'kvChange', 'serverStream'],
      workers: 2,
      initialCredit: 262_144,
    });
    assert.deepEqual(
      methodInfo.map(({ name }) => name),
      methods,
    );
    assert.deepEqual(
      methods.toSorted(),
      (
        'context echo echo-async exit fail fail-code hang kv mandelbrot oom print reject service sha256 sink ' +
        'slow-consumer source spin throw-late wait'
      ).split(' '),
    );
  },
};

for (const transport of TRANSPORTS) {
  test(`the conformance methods do what they promise, over ${transport}s`, LIMIT, (t) => run(t, transport));
}

async function run(t: TestContext, transport: TransportKind): Promise<void> {
  const module = startModule(t, { transport, workers: 2 });
  for (const [name, body] of Object.entries(rows)) await t.test(name, (row) => body(module, row));
  const { openStreams, status } = await module.health();
  assert.deepEqual([openStreams, status], [0, 'serving']);
  const exit = await module.close();
  assert.equal(exit.code, 0);
}

/** The rounds until the point escapes, with z as a pair; the same operations on doubles, so the same bits. */
function escapeRounds(px: number, py: number, width: number, height: number, limit: number): number {
  const c = { re: -2.5 + (3.5 * px) / width, im: -1.25 + (2.5 * py) / height };
  let z = { re: 0, im: 0 };
  for (let round = 0; round < limit; round++) {
    if (z.re ** 2 + z.im ** 2 > 4) return round;
    z = { re: z.re ** 2 - z.im ** 2 + c.re, im: 2 * z.re * z.im + c.im };
  }
  return limit;
}
