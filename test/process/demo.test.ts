import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { busyWarning } from '../../workers/demo/machine.ts';
import { bandsOf } from '../../workers/demo/picture.ts';
import { toPng } from '../../workers/demo/palette.ts';

const DEMO = fileURLToPath(new URL('../../workers/start.ts', import.meta.url));

async function runDemo(
  t: TestContext,
  args: readonly string[],
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', DEMO, ...args]);
  t.after(() => child.kill('SIGKILL'));
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[unknown]>,
  ]);
  return { code, stdout, stderr };
}

test('the demo renders the same picture with one worker and with two, and writes it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-demo-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const out = join(folder, 'picture.png');
  const args = ['--size', '70x50', '--max-iter', '256', '--workers', '2', '--ideal', '--out', out];
  const { code, stdout, stderr } = await runDemo(t, args);
  assert.equal(code, 0, stderr);
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const head = lines.findIndex(([first]) => first === 'workers');
  const [one, two] = [lines[head + 1], lines[head + 2]];
  assert.deepEqual([one?.[0], one?.[2], two?.[0]], ['1', '1.00', '2']);
  // A Data per row and a Close per band of one row; what a run writes doesn't depend on how many write it.
  assert.deepEqual([one?.[3], one?.slice(3)], ['100', two?.slice(3)]);
  assert.match(stdout, /The two pictures are identical/);
  assert.match(stdout, /Plain Node processes: 1 takes/);
  assert.match(stderr, /1 worker: 25 %\n[^]*2 workers: 100 %\n$/);

  const { width, height, channels, data } = decode(readFileSync(out));
  assert.deepEqual([width, height, channels], [70, 50, 3]);
  const pixel = (px: number, py: number): number[] => [
    ...data.slice(3 * (py * 70 + px), 3 * (py * 70 + px) + 3),
  ];
  // c = 0 belongs to the set; the corner does not.
  assert.deepEqual(pixel(50, 25), [0, 0, 0]);
  assert.notDeepEqual(pixel(0, 0), [0, 0, 0]);
});

test('the demo lists the samples and nothing else of their folder', async (t) => {
  const { code, stdout } = await runDemo(t, ['--list']);
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.trim().split(/\s+/)[0]),
    ['aggregate', 'csv', 'factorise', 'gzip', 'mandelbrot', 'sha256'].map((name) => `workers/${name}.ts`),
  );
  for (const line of lines) assert.match(line, /\.ts +[a-z0-9, ]+: \w/);
});

test('a size that is none is refused', async (t) => {
  for (const size of ['640', '0x1', '1x16385', 'axb']) {
    const { code, stderr } = await runDemo(t, ['--size', size]);
    assert.equal(code, 1);
    assert.match(stderr, /WIDTHxHEIGHT/);
  }
});

test('a speed-up that was measured on a busy machine is told to say little, and any other is not', () => {
  // One worker takes a core of its own; each of the others needs an idle one.
  for (const [idle, workers, cores] of [
    [0.9, 2, 2],
    [6.8, 8, 8],
    [0, 1, 2],
    // More workers than cores don't make a machine busy.
    [0.9, 8, 2],
    [NaN, 8, 8],
  ] as const) {
    assert.equal(busyWarning(idle, workers, cores), undefined, `${idle} idle, ${workers} of ${cores}`);
  }
  assert.match(busyWarning(0.2, 2, 2) ?? '', /^The machine was busy: 0\.2 cores .* needs 1\nmore\. /);
  assert.match(busyWarning(3, 8, 8) ?? '', /needs 7\n/);
});

test('bands cover each row once, are few enough to queue, and leave no worker without work', () => {
  for (const height of [1, 2, 50, 90, 1080, 16_384]) {
    for (const workers of [1, 2, 7, 64, 512]) {
      const bands = bandsOf({ width: 1, height, maxIter: 1 }, workers);
      let next = 0;
      for (const { y0, rows } of bands) {
        assert.equal(y0, next);
        assert.ok(rows > 0);
        next += rows;
      }
      assert.equal(next, height);
      assert.ok(bands.length <= 1024);
      assert.ok(bands.length >= Math.min(height, workers));
    }
  }
});

test('the picture file has a pixel per value, and black for what stays in the set', () => {
  const pixels = Uint8Array.of(1, 2, 44, 255, 44, 1);
  const { data } = decode(toPng({ width: 3, height: 2, maxIter: 300 }, pixels));
  const colours = Array.from({ length: 6 }, (_, at) => [...data.slice(3 * at, 3 * at + 3)].join());
  assert.equal(colours[2], '0,0,0');
  assert.equal(colours[4], '0,0,0');
  assert.equal(colours[0], colours[5]);
  assert.equal(new Set(colours).size, 4);
});
