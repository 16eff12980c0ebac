import { mandelbrotRow } from '../../workers/mandelbrot.ts';
import { hashRounds } from '../modules/load.ts';

/** What the scope `cpu` computes. */
export type CpuTask =
  | { readonly name: 'mandelbrot'; readonly width: number; readonly height: number; readonly maxIter: number }
  | { readonly name: 'sha256'; readonly rounds: number };

/** A part of it, as the metadata of one stream. */
export type CpuPart =
  | {
      readonly method: 'mandelbrot';
      readonly width: number;
      readonly height: number;
      readonly maxIter: number;
      readonly y0: number;
      readonly rows: number;
    }
  | { readonly method: 'sha256'; readonly rounds: number };

export function partsOf(task: CpuTask, count: number): CpuPart[] {
  return Array.from({ length: count }, (_, index): CpuPart => {
    if (task.name === 'sha256') return { method: 'sha256', rounds: Math.ceil(task.rounds / count) };
    const { width, height, maxIter } = task;
    const y0 = Math.floor((index * height) / count);
    const rows = Math.floor(((index + 1) * height) / count) - y0;
    return { method: 'mandelbrot', width, height, maxIter, y0, rows };
  });
}

/** Computes a part with the code of the handlers; how many bytes came out. */
export function compute(part: CpuPart): number {
  if (part.method === 'sha256') return hashRounds(part.rounds).length;
  let bytes = 0;
  for (let y = part.y0; y < part.y0 + part.rows; y++) {
    bytes += mandelbrotRow(part.width, part.height, part.maxIter, y, () => undefined).length;
  }
  return bytes;
}
