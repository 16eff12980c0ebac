import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { decode } from 'fast-png';
import sharp from 'sharp';
import analytics, { shapes as analyticsShapes } from '../../examples/analytics/module.ts';
import simulation, { shapes as simulationShapes, type Batch } from '../../examples/simulation/module.ts';
import thumbnails, { shapes as thumbnailShapes } from '../../examples/thumbnails/module.ts';
import { withMethods } from '../../src/host/index.ts';
import { issuesOf, type ModuleError } from '../../src/index.ts';
import { testModule } from '../../src/testing/index.ts';
import { scratchFolder } from './cli-helpers.ts';

const ROOT = join(import.meta.dirname, '../..');

function startHost(t: TestContext, example: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const host = join('examples', example, 'host.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', host, ...args], { cwd: ROOT });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function endOf(
  child: ChildProcessWithoutNullStreams,
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[unknown]>,
  ]);
  return { code, stdout, stderr };
}

/** A picture whose left half is reddish and whose right half is bluish, with so much noise that it hardly gets smaller. */
function noisyPicture(width: number, height: number): Promise<Buffer> {
  const pixels = randomFillSync(Buffer.alloc(width * height * 3));
  for (let at = 0; at < pixels.length; at += 3) {
    const isLeft = (at / 3) % width < width / 2;
    const dark = at + (isLeft ? 2 : 0);
    const light = at + (isLeft ? 0 : 2);
    pixels[dark] = (pixels[dark] ?? 0) >> 1;
    pixels[light] = 128 + ((pixels[light] ?? 0) >> 1);
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
}

test('thumbnails: the host writes a thumbnail of 5 MB, and says which file is no picture', async (t) => {
  const folder = scratchFolder(t);
  const [large, none] = ['large.png', 'none.png'].map((name) => join(folder, name)) as [string, string];
  writeFileSync(large, await noisyPicture(2000, 1600));
  writeFileSync(none, 'no picture');
  const out = scratchFolder(t);
  const { code, stdout, stderr } = await endOf(startHost(t, 'thumbnails', ['1600', out, large, none]));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /no thumbnail of .*none\.png: .*unsupported image format/);

  const thumbnail = readFileSync(join(out, 'large.png'));
  assert.equal(stdout, `${large}: ${thumbnail.length} bytes\n`);
  assert.ok(thumbnail.length > 5_000_000, `${thumbnail.length} bytes`);
  const { width, height, data, channels } = decode(thumbnail);
  assert.deepEqual([width, height], [1600, 1280]);
  const isReddish = (x: number): boolean => {
    let difference = 0;
    for (let y = 0; y < height; y++) {
      const at = (y * width + x) * channels;
      difference += (data[at] ?? 0) - (data[at + 2] ?? 0);
    }
    return difference > 0;
  };
  assert.deepEqual([0, 700, 900, 1599].map(isReddish), [true, true, false, false]);
});

test('thumbnails: a width that is none is refused', async (t) => {
  const kit = await testModule(thumbnails);
  t.after(() => kit.close());
  const { thumbnail } = withMethods(kit, thumbnailShapes);
  const refused = { code: 'invalidArgument', message: /width must be a whole number from 1/ };
  const picture = await noisyPicture(2, 2);
  await assert.rejects(thumbnail(picture), refused);
  await assert.rejects(thumbnail(picture, { metadata: { width: '1.5' } }), refused);
});

test('analytics: the host sends 600,000 rows and prints their report', async (t) => {
  const { code, stdout, stderr } = await endOf(startHost(t, 'analytics', []));
  assert.equal(code, 0, stderr);
  const rows = stdout
    .split('\n')
    .filter((line) => /[A-Z]{2}/.test(line))
    .map((line) => line.split('│').map((cell) => cell.trim()));
  // Of 1,000 rows in turn each country has 200, with every fifth number of cents from its own on.
  const expected = ['DE', 'DK', 'FR', 'PL', 'PT'].map((country, first) => [
    country,
    '120000',
    String(600 * (200 * first + (5 * (199 * 200)) / 2)),
    `'2024-12-31'`,
  ]);
  assert.deepEqual(
    rows.map((cells) => cells.slice(1, -1)),
    expected,
  );
});

test('analytics: a row that is none is refused, with the row and its field', async (t) => {
  const kit = await testModule(analytics);
  t.after(() => kit.close());
  const { report } = withMethods(kit, analyticsShapes);
  const row = { day: '2024-05-01', country: 'DE', cents: 5 };
  await assert.rejects(report([row, row, { ...row, cents: -1 }]), (error: ModuleError) => {
    assert.equal(error.code, 'invalidArgument');
    assert.match(error.message, /^value 2 of the input at cents/);
    assert.deepEqual(issuesOf(error)[0]?.path, ['cents']);
    return true;
  });
});

test('simulation: the host shows the progress, and gives the price that Black and Scholes give', async (t) => {
  const { code, stdout, stderr } = await endOf(startHost(t, 'simulation', ['20000', '600']));
  assert.equal(code, 0, stderr);
  const [price, deviation, paths] = stdout.match(/\d+(\.\d+)?/g)?.map(Number) ?? [];
  // The formula gives 10.4506 for these numbers.
  assert.ok(Math.abs((price ?? 0) - 10.4506) < 4 * (deviation ?? 0), stdout);
  assert.ok((deviation ?? 1) < 0.12, stdout);
  assert.equal(paths, 20_000);
  const seen = [...stderr.matchAll(/^(\d+) of 20000$/gm)].map(([, done]) => Number(done));
  assert.ok(seen.length > 0, stderr);
  assert.deepEqual(
    seen,
    seen.toSorted((one, other) => one - other),
  );
});

test('simulation: Ctrl-C cancels it, and the host has a price of the batches until then', async (t) => {
  const host = startHost(t, 'simulation', ['1000000000', '600']);
  const ended = endOf(host);
  for await (const line of createInterface(host.stderr)) {
    // Progress beyond a batch: the batch was sent before it.
    if (Number.parseInt(line) > 2_000) host.kill('SIGINT');
  }
  const { code, stdout } = await ended;
  assert.equal(code, 0);
  const [stopped, result] = stdout.split('\n');
  assert.equal(stopped, 'stopped: cancelled');
  assert.match(result ?? '', /^price \d+\.\d+ ± \d+\.\d+ of \d+000 paths$/);
});

test('simulation: at its deadline a caller has the batches that came before', async (t) => {
  const file = new URL('../../examples/simulation/module.ts', import.meta.url);
  const kit = await testModule(simulation, { file });
  t.after(() => kit.close());
  const { simulate } = withMethods(kit, simulationShapes);
  const option = { spot: 100, strike: 100, rate: 0, volatility: 0.2, years: 1, paths: 1e9, seed: 1 };
  const batches: Batch[] = [];
  await assert.rejects(
    async () => {
      for await (const batch of simulate(option, { deadline: kit.now() + 5000 })) {
        if (batches.push(batch) === 2) await kit.advance(5000);
      }
    },
    { code: 'deadlineExceeded' },
  );
  assert.ok(batches.length >= 2);
  assert.ok(batches.every(({ paths, sum }) => paths === 2_000 && sum > 0));
});
