import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MAX_CREDIT, MAX_DATA_BYTES } from '../../src/wire/flow-limits.ts';
import { Flood, scaled, wrongDirection } from './support/flood.ts';

const LONG = { timeout: 300_000 } as const;
const MB = 1e6;

/** The limits that matter here: one worker at work, and 16 opens that wait. */
const FLAGS = ['--workers', '1', '--max-queue', '16'];

function tell(t: TestContext, flood: Flood): void {
  t.diagnostic(`grown by ${(flood.growth / MB).toFixed(1)} MB; ${JSON.stringify([...flood.ends])}`);
}

test('one byte over the credit, and a gigabyte: one violation, and the rest is late', LONG, async (t) => {
  for (const [what, size, frames] of [
    ['a byte', 1, 1],
    ['a gigabyte', MAX_DATA_BYTES, scaled(1024)],
  ] as const) {
    const flood = new Flood(t, FLAGS);
    await flood.start();
    const { open, encoder } = flood.open('idle');
    await flood.pour(5, (index) => (index === 0 ? open : encoder.data(new Uint8Array(65_536))));
    const data = encoder.data(new Uint8Array(size));
    await flood.pour(frames, () => data);
    await flood.idle(1);
    assert.deepEqual([...flood.ends], [['flowControlViolation', 1]], what);
    assert.ok(flood.growth < 50 * MB, `${what}: ${flood.growth} bytes`);
    tell(t, flood);
  }
});

test('a million empty Data frames cost what a window costs', LONG, async (t) => {
  const flood = new Flood(t, FLAGS);
  await flood.start();
  const { open, encoder } = flood.open('idle');
  const data = encoder.data(new Uint8Array(0));
  await flood.pour(scaled(1e6), (index) => (index === 0 ? open : data));
  await flood.idle(1);
  assert.deepEqual([...flood.ends], [['flowControlViolation', 1]]);
  assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
  tell(t, flood);
});

test('empty Data frames for queued streams are held within the limit on held input', LONG, async (t) => {
  const flood = new Flood(t, ['--workers', '1']);
  await flood.start();
  const streams = Array.from({ length: 1025 }, () => flood.open('idle'));
  await flood.pour(streams.length, (index) => streams[index]!.open);
  const perStream = scaled(4096);
  await flood.pour(perStream * 1024, (index) => {
    const { encoder } = streams[1 + Math.floor(index / perStream)]!;
    return encoder.data(new Uint8Array(0));
  });
  await flood.healthy();
  tell(t, flood);
  // 64 MiB of cost are a million such frames; each is an object of its own.
  assert.ok(flood.growth < 400 * MB, `${flood.growth} bytes`);
});

test(
  '100,000 opens that are cancelled at once: the limits hold also for handlers that are still ending',
  LONG,
  async (t) => {
    let running = 0;
    let most = 0;
    const onStderr = (text: string): void => {
      for (const sign of text) {
        running += sign === '+' ? 1 : sign === '-' ? -1 : 0;
        most = Math.max(most, running);
      }
    };
    const flood = new Flood(t, ['--workers', '2', '--max-queue', '16'], { onStderr });
    await flood.start();
    const count = scaled(100_000);
    await flood.pour(count, () => {
      const { open, encoder } = flood.open('slow');
      return Buffer.concat([open, encoder.cancel('changed my mind')]);
    });
    await flood.idle(count);
    const total = [...flood.ends.values()].reduce((sum, n) => sum + n, 0);
    assert.equal(total, count, JSON.stringify([...flood.ends]));
    assert.equal(flood.doubled.length, 0);
    assert.ok(most <= 2, `${most} handlers ran at once`);
    assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
    tell(t, flood);
  },
);

test('100,000 opens beyond the queue are refused, each once', LONG, async (t) => {
  const flood = new Flood(t, FLAGS);
  await flood.start();
  const count = scaled(100_000);
  await flood.pour(count, () => flood.open('idle').open);
  await flood.ended(count - 17);
  assert.deepEqual([...flood.ends], [['resourceExhausted', count - 17]]);
  assert.equal(flood.doubled.length, 0);
  assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
  tell(t, flood);
});

test('a million late frames are ignored', LONG, async (t) => {
  const flood = new Flood(t, FLAGS);
  await flood.start();
  const { encoder } = flood.open('idle');
  const late = [
    encoder.data(new Uint8Array(10)),
    encoder.credit(1),
    encoder.close(),
    encoder.cancel('late'),
    encoder.error({ code: 'internal', message: 'late' }),
  ];
  await flood.pour(scaled(1e6), (index) => late[index % late.length]!);
  await flood.healthy();
  assert.deepEqual([...flood.ends], []);
  assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
  tell(t, flood);
});

test(
  'an id that is used again and again, while it is live, gets one terminal frame for each life',
  LONG,
  async (t) => {
    const flood = new Flood(t, FLAGS, { reused: true });
    await flood.start();
    const { open, encoder } = flood.open('idle');
    const count = scaled(100_000);
    // The second Open ends the stream, the third begins the next one: where that is on its way, it ends at once as well.
    await flood.pour(count, () => Buffer.concat([open, open, encoder.data(new Uint8Array(1))]));
    await flood.pour(1, () => encoder.cancel('enough'));
    await flood.idle(1);
    const total = [...flood.ends.values()].reduce((sum, n) => sum + n, 0);
    assert.ok(total > 0 && total <= count + 1, `${total} ends`);
    assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
    tell(t, flood);
  },
);

test('messages that only the module may send are answered, each once', LONG, async (t) => {
  const flood = new Flood(t, FLAGS);
  await flood.start();
  const count = scaled(100_000);
  await flood.pour(count, (index) => wrongDirection(`wrong-${index}`));
  await flood.healthy();
  assert.deepEqual([...flood.ends], [['request error', count]]);
  assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
  tell(t, flood);
});

test('grants of nothing are ignored, and those past 2^31-1 end their stream', LONG, async (t) => {
  const flood = new Flood(t, FLAGS);
  await flood.start();
  let ended = 0;
  for (const [grant, initial] of [
    [MAX_CREDIT + 1, 0],
    [0xffff_ffff, 0],
    [1, MAX_CREDIT],
  ] as const) {
    const { open, encoder } = flood.open('idle', flood.newId(), initial);
    const nothing = encoder.credit(0);
    await flood.pour(scaled(10_000), (index) => (index === 0 ? open : nothing));
    await flood.healthy();
    assert.deepEqual([...flood.ends], ended === 0 ? [] : [['flowControlViolation', ended]]);
    await flood.pour(1, () => encoder.credit(grant));
    await flood.ended(++ended);
  }
  assert.deepEqual([...flood.ends], [['flowControlViolation', 3]]);
});

test(
  'a message that declares 4 GiB ends the connection before any memory is taken for it',
  LONG,
  async (t) => {
    const flood = new Flood(t, FLAGS);
    await flood.start();
    const table = new Uint8Array(8);
    new DataView(table.buffer).setUint32(4, 2 ** 29, true);
    flood.raw.sendRaw(table);
    assert.equal((await flood.child.exited).code, 76);
    assert.ok(flood.growth < 50 * MB, `${flood.growth} bytes`);
  },
);
