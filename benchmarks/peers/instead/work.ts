/** The work of the scope `instead`, the same for all. */
import { mandelbrotRow } from '../../../workers/mandelbrot.ts';
import type { CpuPart } from '../cpu-work.ts';
import type { Crash } from './alternative.ts';

export type PicturePart = Omit<Extract<CpuPart, { readonly method: 'mandelbrot' }>, 'method'>;

export function picture({ width, height, maxIter, y0, rows }: PicturePart): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(width * rows);
  for (let row = 0; row < rows; row++) {
    bytes.set(
      mandelbrotRow(width, height, maxIter, y0 + row, () => undefined),
      row * width,
    );
  }
  return bytes;
}

export function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Ends the thread that calls it, where it is not the main thread, or the process. */
export function crash(how: Crash): void {
  if (how === 'exit') process.exit(1);
  process.kill(process.pid, 'SIGKILL');
}
