import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { OpenStreamOptions, HostStream, ModuleProcess } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';

function startSample(t: TestContext, name: string): ModuleProcess {
  return startModule(t, { file: new URL(`../../workers/${name}.ts`, import.meta.url), workers: 1 });
}

/** Sends `input` in pieces of `size` bytes, to its end or to the end of the stream. */
async function feed(stream: HostStream, input: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < input.length; at += size) await stream.send(input.subarray(at, at + size));
  stream.end();
}

/** What a method makes of `input`, sent in pieces of `size` bytes. */
async function transform(
  module: ModuleProcess,
  method: string,
  input: Uint8Array,
  options: OpenStreamOptions = {},
  size = 65_536,
): Promise<Buffer> {
  const stream = module.openStream(method, options);
  // Where the stream fails, it says so to the reader as well.
  feed(stream, input, size).catch(() => undefined);
  return buffer(stream);
}

function invalid(message: RegExp): { code: string; message: RegExp } {
  return { code: 'invalidArgument', message };
}

test('mandelbrot computes the rows that the conformance module computes', async (t) => {
  const sample = startSample(t, 'mandelbrot');
  const conformance = startModule(t, { workers: 1 });
  for (const band of [
    { width: '96', height: '64', maxIter: '1000', y0: '0', rows: '64' },
    { width: '7', height: '5', maxIter: '255', y0: '3', rows: '2' },
  ]) {
    const options = { metadata: band };
    const [ours, theirs] = await Promise.all(
      [sample, conformance].map((module) => transform(module, 'mandelbrot', Buffer.alloc(0), options)),
    );
    assert.equal(ours?.length, Number(band.width) * Number(band.rows));
    assert.deepEqual(ours, theirs);
  }
});

test('mandelbrot sends a frame per row, and the points whose course is known have their counts', async (t) => {
  const module = startSample(t, 'mandelbrot');
  const metadata = { width: '7', height: '5', maxIter: '300', y0: '0', rows: '5' };
  const rows: Uint8Array[] = [];
  for await (const row of module.openStream('mandelbrot', { metadata })) rows.push(row);
  assert.deepEqual(
    rows.map(({ length }) => length),
    [7, 7, 7, 7, 7],
  );
  // cx = -2.5 + px / 2 and cy = -1.25 + py / 2 here. c = -2.5 - 1.25i is outside at once;
  // c = -0.5 - 0.25i never leaves, and 300 & 255 is 44.
  assert.deepEqual([rows[0]?.[0], rows[2]?.[4]], [1, 44]);
});

test('mandelbrot refuses metadata that are no picture, and says which', async (t) => {
  const module = startSample(t, 'mandelbrot');
  const sound = { width: '8', height: '8', maxIter: '9', y0: '0', rows: '8' };
  for (const [key, value] of [
    ['width', '0'],
    ['height', '-8'],
    ['maxIter', '1e3'],
    ['y0', '8'],
    ['rows', '9'],
  ] as const) {
    const { closed } = module.openStream('mandelbrot', { metadata: { ...sound, [key]: value } });
    await assert.rejects(closed, invalid(new RegExp(`'${key}' must be .*; not '${value}'`)));
  }
  await assert.rejects(module.openStream('mandelbrot').closed, invalid(/'width' .* it is missing/));
});

test('sha256 is the digest that Node computes', async (t) => {
  const module = startSample(t, 'sha256');
  for (const size of [0, 1, 700_001]) {
    const input = randomBytes(size);
    assert.deepEqual(await transform(module, 'sha256', input), createHash('sha256').update(input).digest());
  }
});

test('gzip and gunzip agree with zlib, with input beyond every window', async (t) => {
  const module = startSample(t, 'gzip');
  // Half of it random, so that what is compressed is beyond the windows too.
  const input = Buffer.concat([randomBytes(500_000), Buffer.alloc(500_000, 'line of text\n')]);
  assert.ok(gunzipSync(await transform(module, 'gzip', input)).equals(input));
  assert.ok((await transform(module, 'gunzip', gzipSync(input))).equals(input));
});

test('gunzip calls input that is no gzip, or is cut off, an invalid argument', async (t) => {
  const module = startSample(t, 'gzip');
  const whole = gzipSync(randomBytes(1_000));
  for (const input of [Buffer.from('no gzip at all'), whole.subarray(0, 900)]) {
    await assert.rejects(transform(module, 'gunzip', input), invalid(/no gzip data, or is cut off/));
  }
});

test('factorise finds the factors of famous numbers', async (t) => {
  const module = startSample(t, 'factorise');
  const expected = [
    '2 = 2',
    '1849 = 43 × 43',
    '3628800 = 2 × 2 × 2 × 2 × 2 × 2 × 2 × 2 × 3 × 3 × 3 × 3 × 5 × 5 × 7',
    // Fermat's numbers 5 and 6 (Euler 1732, Landry 1880), Mersenne's 2^61-1 (prime) and 2^67-1 (Cole 1903).
    '4294967297 = 641 × 6700417',
    '18446744073709551617 = 274177 × 67280421310721',
    '2305843009213693951 = 2305843009213693951',
    '147573952589676412927 = 193707721 × 761838257287',
    // The least composite that the test with the bases 2, 3, 5 and 7 takes for a prime.
    '3215031751 = 151 × 751 × 28351',
  ];
  const input = expected.map((line) => line.split(' ')[0]).join('\n');
  const output = await transform(module, 'factorise', Buffer.from(input), {}, 5);
  assert.deepEqual(output.toString().trimEnd().split('\n'), expected);
});

test('factorise refuses what is no number that it can prove the factors of', async (t) => {
  const module = startSample(t, 'factorise');
  for (const line of ['1', 'twelve', '-4', '3317044064679887385961981', '9'.repeat(40)]) {
    await assert.rejects(
      transform(module, 'factorise', Buffer.from(line)),
      invalid(/no whole number from 2/),
    );
  }
});

test('csv reads quotes, commas, line ends and characters that chunks cut apart', async (t) => {
  const module = startSample(t, 'csv');
  const csv =
    'name,price\r\n"Weiß, ""fein""",1.50\r\n"two\nlines",-3\r\nplain,007\r\n"",12345678901234567890\r\nlast,x';
  const expected = [
    { name: 'Weiß, "fein"', price: 1.5 },
    { name: 'two\nlines', price: -3 },
    { name: 'plain', price: '007' },
    { name: '', price: '12345678901234567890' },
    { name: 'last', price: 'x' },
  ];
  for (const size of [1, 7, 65_536]) {
    const lines = (await transform(module, 'csv', Buffer.from(csv), {}, size))
      .toString()
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines.map((line): unknown => JSON.parse(line)),
      expected,
      `pieces of ${size}`,
    );
  }
  await assert.rejects(
    transform(module, 'csv', Buffer.from('a,b\n1\n')),
    invalid(/^Row 2 has 1 fields, the first row has 2\.$/),
  );
});

test('aggregate sums by group, in the order in which the groups appear', async (t) => {
  const module = startSample(t, 'aggregate');
  const input = [
    { city: 'Köln', amount: 2 },
    { city: 'Bern', amount: -1.5 },
    { city: 'Köln', amount: 5 },
  ];
  const text = input.map((record) => `${JSON.stringify(record)}\n`).join('\n');
  const metadata = { group: 'city', value: 'amount' };
  const output = await transform(module, 'aggregate', Buffer.from(text), { metadata }, 3);
  const expected = [
    { group: 'Köln', count: 2, sum: 7, min: 2, max: 5 },
    { group: 'Bern', count: 1, sum: -1.5, min: -1.5, max: -1.5 },
  ];
  assert.equal(output.toString(), expected.map((summary) => `${JSON.stringify(summary)}\n`).join(''));
});

test('aggregate says which line it can not use, and what it was not told', async (t) => {
  const module = startSample(t, 'aggregate');
  const metadata = { group: 'g', value: 'v' };
  const run = (text: string): Promise<Buffer> =>
    transform(module, 'aggregate', Buffer.from(text), { metadata });
  await assert.rejects(run('{"g":1,"v":2}\nno json\n'), invalid(/no JSON: no json$/));
  await assert.rejects(
    run('{"g":1,"v":"2"}\n'),
    invalid(/'v' is no number in this line: \{"g":1,"v":"2"\}$/),
  );
  await assert.rejects(run('null\n'), invalid(/'v' is no number/));
  await assert.rejects(module.openStream('aggregate').closed, invalid(/'group' is missing/));
});
