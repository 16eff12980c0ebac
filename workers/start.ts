// `npm start`: renders one picture with one worker and with one per core, and compares time and result.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { integer } from '../src/cli/terminal/arguments.ts';
import { count, hundredths, plural } from '../src/cli/terminal/format.ts';
import { busyWarning } from './demo/machine.ts';
import { toPng } from './demo/palette.ts';
import { bandsOf, type Picture } from './demo/picture.ts';
import { timePlainProcesses } from './demo/plain.ts';
import { startProgress } from './demo/progress.ts';
import { render, type Rendering } from './demo/render.ts';
import { listSamples } from './demo/samples.ts';
import { table } from './demo/table.ts';

interface Flags {
  size?: { width: number; height: number };
  maxIter?: number;
  out: string;
  workers: number;
  small?: true;
  ideal?: true;
  list?: true;
}

const MAX_SIDE = 16_384;
/** A multiple of 256, so that the set itself, whose pixels are maxIter & 255, shares its colour with next to nothing. */
const FULL: Picture = { width: 1920, height: 1080, maxIter: 8_192 };
const SMALL: Picture = { width: 160, height: 90, maxIter: 512 };

await new Command('npm start --')
  .description('render the Mandelbrot set in a module child: with one worker, then with one per core')
  .option('--size <WxH>', `the picture's size (default: ${FULL.width}x${FULL.height})`, parseSize)
  .option('--max-iter <n>', `work per pixel (default: ${FULL.maxIter})`, integer(1, 1_000_000_000))
  .option('--out <file>', 'where the picture goes', 'mandelbrot.png')
  .option('--workers <n>', 'workers of the second run', integer(1, 1024), availableParallelism())
  .option('--small', `a quick run: ${SMALL.width}x${SMALL.height}, ${SMALL.maxIter} iterations`)
  .option('--ideal', 'compare with as many plain Node processes that only compute')
  .option('--list', 'list the sample modules')
  .action(async (flags: Flags) => {
    if (flags.list) for (const { file, about } of listSamples()) console.log(`${file.padEnd(24)}${about}`);
    else await run(flags);
  })
  .parseAsync();

async function run({ size, maxIter, out, workers, small, ideal }: Flags): Promise<void> {
  const base = small ? SMALL : FULL;
  const picture = { ...base, ...size, maxIter: maxIter ?? base.maxIter };
  const bands = bandsOf(picture, workers);
  const { width, height } = picture;
  console.log(
    `${count(width)} × ${count(height)} pixels, at most ${plural(picture.maxIter, 'iteration')}, ${plural(bands.length, 'stream')} a run`,
  );

  const one = await renderWithBar(picture, bands, 1);
  const all = await renderWithBar(picture, bands, workers);
  writeFileSync(out, toPng(picture, all.pixels));

  const rows = [one, all].map((run) => [
    count(run.workers),
    hundredths(run.seconds),
    hundredths(one.seconds / run.seconds),
    count(run.frames),
    count(run.bytes),
  ]);
  console.log(`\n${table([['workers', 'seconds', 'speed-up', 'frames', 'bytes'], ...rows])}`);
  console.log(
    'Seconds go from the first Open to the last Close; before that the child was started, had loaded the',
  );
  console.log(
    'module and computed a warm-up band with each worker. Frames and bytes are what the module wrote.',
  );
  const busy = busyWarning(one.idleCores, workers, cpus().length);
  if (busy !== undefined) console.log(`\n${busy}`);
  if (ideal) await compareWithPlain(picture, bands, one, all);

  const isSame = Buffer.compare(one.pixels, all.pixels) === 0;
  console.log(`\nThe two pictures are ${isSame ? 'identical' : 'DIFFERENT'}. Written to ${out}.`);
  if (!isSame) process.exitCode = 1;
}

type Bands = ReturnType<typeof bandsOf>;

function renderWithBar(picture: Picture, bands: Bands, workers: number): Promise<Rendering> {
  const label = workers === 1 ? '1 worker ' : `${workers} workers`;
  return render(picture, bands, workers, () => startProgress(label, picture.height));
}

/** The same work without a module: what the machine itself gives at the moment. */
async function compareWithPlain(
  picture: Picture,
  bands: Bands,
  one: Rendering,
  all: Rendering,
): Promise<void> {
  const plainOne = await timePlainProcesses(picture, bands, 1);
  const plainAll = await timePlainProcesses(picture, bands, all.workers);
  const [ours, ideal] = [one.seconds / all.seconds, plainOne / plainAll];
  console.log(
    `\nPlain Node processes: 1 takes ${hundredths(plainOne)} s, ${count(all.workers)} take ${hundredths(plainAll)} s.`,
  );
  console.log(
    `That is a speed-up of ${hundredths(ideal)}; the module's ${hundredths(ours)} is ${percent(ours / ideal)} of it, ` +
      `and its ${all.workers} workers compute at ${percent(plainAll / all.seconds)} of their pace.`,
  );
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(0)} %`;
}

function parseSize(text: string): { width: number; height: number } {
  const [width = 0, height = 0] = /^(\d+)x(\d+)$/.exec(text)?.slice(1).map(Number) ?? [];
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new InvalidArgumentError(`It takes WIDTHxHEIGHT, each from 1 to ${MAX_SIDE}, like 640x360.`);
  }
  return { width, height };
}
