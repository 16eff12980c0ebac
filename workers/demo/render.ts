import { spawnModule, type HostStream, type ModuleProcess } from '../../src/host/index.ts';
import { watchIdleCores } from './machine.ts';
import { warmUpOf, type Band, type Picture } from './picture.ts';
import type { Progress } from './progress.ts';

/** One picture, and what it took. */
export interface Rendering {
  readonly workers: number;
  /** From the first Open to the last Close. */
  readonly seconds: number;
  /** A byte per pixel, row after row. */
  readonly pixels: Uint8Array;
  /** Messages and bytes that the module wrote in that time, envelopes included. */
  readonly frames: number;
  readonly bytes: number;
  /** How many cores of the machine were idle in that time; `NaN` where the system doesn't tell. */
  readonly idleCores: number;
}

/**
 * Renders a picture in a module child with that many workers, one stream per band.
 *
 * @param begin is called when the clock starts
 * @throws ModuleError a stream's; Error where the module broke the protocol
 */
export async function render(
  picture: Picture,
  bands: readonly Band[],
  workers: number,
  begin: () => Progress,
): Promise<Rendering> {
  const module = spawnModule({
    file: new URL('../mandelbrot.ts', import.meta.url),
    workers,
    onStderr: (text) => void process.stderr.write(text),
  });
  let progress: Progress | undefined;
  try {
    await module.initialize({ runtimeName: 'ixt-sdk demo' });
    await warmUp(module, picture, workers);
    const pixels = new Uint8Array(picture.width * picture.height);
    const before = { ...module.session.stats };
    progress = begin();
    const idleCores = watchIdleCores();
    const start = performance.now();
    await Promise.all(
      bands.map(async (band) => {
        let y = band.y0;
        for await (const row of open(module, picture, band)) {
          pixels.set(row, y * picture.width);
          y += 1;
          progress?.step();
        }
        if (y !== band.y0 + band.rows) throw new Error(`The stream of row ${band.y0} ended at row ${y}.`);
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const idle = idleCores();
    const [violation] = module.session.violations;
    if (violation !== undefined) throw violation;
    const { framesIn, bytesIn } = module.session.stats;
    return {
      ...{ workers, seconds, pixels, idleCores: idle },
      frames: framesIn - before.framesIn,
      bytes: bytesIn - before.bytesIn,
    };
  } finally {
    progress?.stop();
    await module.close();
  }
}

function open(module: ModuleProcess, picture: Picture, band: Band, initialCredit?: number): HostStream {
  const numbers = { ...picture, ...band };
  const metadata = Object.entries(numbers).map(([key, value]) => [key, String(value)] as const);
  const stream = module.openStream('mandelbrot', {
    metadata,
    ...(initialCredit === undefined ? {} : { initialCredit, autoCredit: false }),
  });
  stream.end();
  return stream;
}

/**
 * Lets each worker compute one small band. With one byte of credit a stream sends its first row and waits for more, and a waiting
 * stream keeps its worker; so once every stream has sent a row, every worker is at work.
 */
async function warmUp(module: ModuleProcess, picture: Picture, workers: number): Promise<void> {
  const small = warmUpOf(picture);
  const streams = Array.from({ length: workers }, () => open(module, small.picture, small.band, 1));
  await Promise.all(streams.map((stream) => stream.next()));
  for (const stream of streams) stream.grant(small.picture.width * small.picture.height);
  await Promise.all(streams.map((stream) => stream.closed));
}
