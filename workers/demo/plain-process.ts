// The main program of each plain process that `--ideal` compares with: a band comes in, nothing but "done" goes out.
import { mandelbrotRow } from '../mandelbrot.ts';
import type { Band, Picture } from './picture.ts';

process.on('message', ({ width, height, maxIter, y0, rows }: Picture & Band) => {
  for (let y = y0; y < y0 + rows; y++) mandelbrotRow(width, height, maxIter, y, () => undefined);
  process.send?.('done');
});
