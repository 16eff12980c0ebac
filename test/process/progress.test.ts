import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { built } from '../support/built.ts';
import { COMMAND } from './cli-helpers.ts';
import { startModule } from '../support/module.ts';
import { collect, endsWith, LIMIT, WireTap } from './helpers.ts';

const file = built.fixture('progress');

test('the last value leaves while its handler computes without a pause', LIMIT, async (t) => {
  const module = startModule(t, { file });
  const seen: unknown[] = [];
  const stream = module.openStream('computes', {
    onProgress: (value) => {
      seen.push(JSON.parse(Buffer.from(value).toString()));
      // The handler runs until this comes.
      if (Buffer.from(value).toString() === '{"done":3}') stream.cancel('seen');
    },
  });
  await endsWith(stream, 'cancelled');
  assert.deepEqual(seen.at(-1), { done: 3 });
});

test('no progress follows the terminal frame of 2,000 streams that race it', LIMIT, async (t) => {
  const tap = new WireTap();
  const module = startModule(t, {
    file,
    workers: 2,
    args: ['--streams-per-worker', '8'],
    onWire: tap.record,
  });
  let values = 0;
  const onProgress = (): void => void (values += 1);
  for (let round = 0; round < 50; round++) {
    const streams = Array.from({ length: 40 }, (_, i) =>
      module.openStream(i % 2 === 0 ? 'ends' : 'endsLater', { onProgress }),
    );
    await Promise.all(streams.map(collect));
    for (const { id } of streams) assert.equal(tap.of(id).at(-1), 'close', id);
  }
  assert.ok(values > 0);
});

test(
  'a handler that sets values as fast as it can goes on while the latest leave, in order',
  LIMIT,
  async (t) => {
    const module = startModule(t, { file });
    let seen = 0;
    let last = 0;
    const stream = module.openStream('floods', {
      onProgress: (value) => {
        const done = Number(Buffer.from(value).toString());
        assert.ok(done > last);
        last = done;
        if (++seen === 10) stream.end();
      },
    });
    const [total] = await collect(stream);
    const set = Number(Buffer.from(total ?? []).toString());
    assert.ok(set > 100 * seen, `${seen} of ${set} values came`);
  },
);

test('a value that is too large is the handler’s mistake, and says so', LIMIT, async (t) => {
  const module = startModule(t, { file });
  assert.match(await endsWith(module.openStream('tooLarge'), 'invalidArgument'), /4096/);
});

for (const [flags, told] of [
  [[], /^\[##########----------\] 50 %, 1,500 of 3,000\n$/],
  [['--json'], /^\{"call":0,"progress":\{"done":1500,"total":3000\}\}\n$/],
] as const) {
  test(`call shows progress${flags.length > 0 ? ' as JSON' : ''}`, LIMIT, async (t) => {
    const child = spawn(COMMAND, ['call', file, 'half', '--in', '-', ...flags]);
    t.after(() => child.kill('SIGKILL'));
    const shown = flags.length > 0 ? child.stdout : child.stderr;
    let text = '';
    for await (const part of shown.setEncoding('utf8')) {
      text += part as string;
      if (told.test(text)) child.stdin.end();
    }
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 0, text);
  });
}

test('a host that asked for nothing gets no progress', LIMIT, async (t) => {
  const tap = new WireTap();
  const module = startModule(t, { file, onWire: tap.record });
  const stream = module.openStream('endsLater');
  await collect(stream);
  assert.deepEqual(tap.of(stream.id), ['data', 'close']);
});
