import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isModuleError, type ModuleError } from '../../src/errors.ts';
import type { ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { collect, endsWith, LIMIT } from './helpers.ts';

const NOTHING = new Uint8Array(0);

test(
  'a module without onServerStream refuses each Open at once and serves unary requests',
  LIMIT,
  async (t) => {
    const module = startModule(t, { file: built.fixture('unary-only'), workers: 1 });
    // One before the module is loaded, one after.
    for (let round = 0; round < 2; round++) {
      const stream = module.openStream('anything');
      assert.match(await endsWith(stream, 'streamingUnsupported'), /unary-only/);
    }
    assert.deepEqual(await module.request('any', Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
    const { capabilities, methods } = await module.initialize();
    assert.deepEqual([capabilities, methods], [['handle'], []]);
  },
);

test('a module without any handler refuses everything and still tells its health', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('no-handlers'), workers: 1 });
  await endsWith(module.openStream('anything'), 'streamingUnsupported');
  await assert.rejects(module.request('any', NOTHING), { code: 'unimplemented' });
  const { capabilities, moduleName, moduleVersion } = await module.initialize();
  assert.deepEqual([capabilities, moduleName, moduleVersion], [[], 'no-handlers', '0.0.1']);
  module.notifyKv({ key: 'k', operation: 'delete' });
  const { status, openStreams } = await module.health();
  assert.deepEqual([status, openStreams], ['serving', 0]);
});

test(
  'a method that the module has not is methodNotFound, also one that every object has',
  LIMIT,
  async (t) => {
    const module = startModule(t, { workers: 1 });
    for (const method of ['nope', '', 'toString', 'constructor', '__proto__', 'Echo', 'echo ']) {
      await endsWith(module.openStream(method), 'methodNotFound');
    }
  },
);

test('whatever a handler throws ends its stream, and only that', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('throwing'), workers: 1 });
  const cases: Record<string, RegExp> = {
    text: /a text/,
    nothing: /undefined/,
    null: /null/,
    number: /42/,
    symbol: /Symbol\(s\)/,
    bare: /./,
    hostile: /./,
    'bad-stack': /^an odd stack$/,
    error: /^a type error$/,
    'unknown-code': /^an odd code$/,
  };
  for (const [name, message] of Object.entries(cases)) {
    for (const method of [name, `async-${name}`, `timer-${name}`, `rejection-${name}`]) {
      await t.test(method, async () => {
        assert.match(await endsWith(module.openStream(method), 'handlerFailed'), message);
      });
    }
    await t.test(`unary ${name}`, () =>
      assert.rejects(module.request(name, NOTHING), { code: 'handlerFailed', message }),
    );
  }

  for (const prefix of ['', 'async-']) {
    await t.test(`${prefix}details and a foreign ModuleError keep code, message and details`, async () => {
      const own = await failure(module, `${prefix}details`);
      assert.deepEqual(
        [own.code, own.message, own.details],
        ['invalidArgument', 'with details', Uint8Array.of(1, 2, 3)],
      );
      const foreign = await failure(module, `${prefix}foreign`);
      assert.deepEqual(
        [foreign.code, foreign.message, foreign.details],
        ['unavailable', 'from another copy', Uint8Array.of(9)],
      );
    });

    await t.test(`${prefix}long: the message is cut to 4 KiB between two characters`, async () => {
      const { message } = await failure(module, `${prefix}long`);
      assert.match(message, /^€+$/u);
      assert.equal(message.length, Math.floor(4_096 / 3));
    });
  }

  await t.test('what was sent before the throw arrives ahead of the error', async () => {
    const stream = module.openStream('after-data');
    const data = [await stream.next(), await stream.next()].map(({ value }) => value);
    assert.deepEqual(data, [Uint8Array.of(1), Uint8Array.of(2)]);
    assert.equal(await endsWith(stream, 'handlerFailed'), 'after two');
  });

  await t.test(
    'a chunk that is no bytes is the handler’s mistake, and the error says what to do',
    async () => {
      assert.match(await endsWith(module.openStream('wrong-chunk'), 'handlerFailed'), /TextEncoder/);
    },
  );

  await t.test('a chunk over 1 MiB arrives as several frames', async () => {
    const lengths = (await collect(module.openStream('too-large'))).map(({ length }) => length);
    assert.deepEqual(lengths, [1_048_576, 1]);
  });

  await t.test('a result that would be lost is a failure', async () => {
    assert.match(await endsWith(module.openStream('returns-bytes'), 'handlerFailed'), /bytes/);
  });

  await t.test('no stack and no path of a file leaves the process', async () => {
    const { message } = await failure(module, 'error');
    assert.doesNotMatch(message, /\n|throwing\.ts/);
  });
});

test(
  'a handler’s exception is on standard error with its place and its stream, and the wire hides it',
  LIMIT,
  async (t) => {
    const module = startModule(t, { file: built.fixture('throwing'), workers: 1 });
    const stream = module.openStream('async-error');
    assert.equal(await endsWith(stream, 'handlerFailed'), 'a type error');
    await assert.rejects(module.request('error', NOTHING), { message: 'a type error' });
    // An answer that the handler chose is no failure of its code.
    assert.equal((await failure(module, 'details')).code, 'invalidArgument');
    const { stderr } = await module.close();
    const [ofStream, ofRequest, ...more] = jsonLines(stderr);
    assert.deepEqual(more, []);
    for (const line of [ofStream, ofRequest]) {
      const { level, error } = line as { level: string; error: Record<string, string> };
      assert.deepEqual([level, error['class'], error['message']], ['error', 'TypeError', 'a type error']);
      assert.match(error['stack'] ?? '', /^TypeError: a type error\n +at .*throwing\.[jt]s/);
    }
    assert.deepEqual([ofStream?.['stream'], ofStream?.['method']], [stream.id, 'async-error']);
    assert.deepEqual([ofRequest?.['stream'], ofRequest?.['method']], [undefined, 'error']);
  },
);

test(
  'what a handler throws once its stream is cancelled is not told, and nothing where it is switched off',
  LIMIT,
  async (t) => {
    const cancelled = startModule(t, { workers: 1 });
    const stream = cancelled.openStream('hang');
    stream.cancel('enough');
    await endsWith(stream, 'cancelled');
    assert.deepEqual(jsonLines((await cancelled.close()).stderr), []);
    const args = ['--failure-lines', '0'];
    const silent = startModule(t, { file: built.fixture('throwing'), workers: 1, args });
    await endsWith(silent.openStream('error'), 'handlerFailed');
    assert.equal((await silent.close()).stderr, '');
  },
);

test('whatever an ended stream left behind throws, its neighbours go on', LIMIT, async (t) => {
  const args = ['--streams-per-worker', '2'];
  const module = startModule(t, { file: built.fixture('throwing'), workers: 1, args });
  for (const name of ['error', 'nothing', 'symbol', 'bare', 'hostile', 'bad-stack']) {
    await t.test(name, async () => {
      const neighbour = module.openStream('neighbour');
      assert.deepEqual((await neighbour.next()).value, Uint8Array.of(1));
      assert.deepEqual(await collect(module.openStream(`left-${name}`)), []);
      assert.deepEqual(await collect(neighbour), [Uint8Array.of(2)]);
    });
  }
});

test('whatever a hook throws, at once or later, the streams behind it run', LIMIT, async (t) => {
  for (const name of ['nothing', 'symbol', 'bare', 'hostile', 'bad-stack']) {
    await t.test(name, async (t) => {
      const module = startModule(t, { file: built.fixture('throwing'), workers: 1 });
      await module.initialize({ config: Buffer.from(name) });
      for (const key of ['now', 'later'])
        module.notifyKv({ key, operation: 'set', value: Buffer.from(name) });
      assert.equal(await endsWith(module.openStream('error'), 'handlerFailed'), 'a type error');
      const { code, stderr } = await module.close();
      assert.equal(code, 0);
      const failed = stderr.match(/on\w+ failed/g)?.toSorted();
      assert.deepEqual(failed, ['onInit failed', 'onKvChange failed', 'onKvChange failed']);
    });
  }
});

function jsonLines(stderr: string): Record<string, unknown>[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function failure(module: ModuleProcess, method: string): Promise<ModuleError> {
  try {
    await collect(module.openStream(method));
  } catch (error) {
    if (isModuleError(error)) return error;
    throw error;
  }
  return assert.fail(`${method} did not fail`);
}
