/** mandelbrot: rows of a picture of the Mandelbrot set, one Data per row; metadata width, height, maxIter, y0, rows */
import { defineModule, ModuleError, type ServerStream } from '../src/index.ts';

/** A row is one Data frame, and this is the largest that the protocol carries. */
const MAX_ROW_BYTES = 1 << 20;

export default defineModule({
  name: 'mandelbrot',
  version: '1.0.0',
  onServerStream: {
    // A synchronous generator has its worker thread to itself: it computes without ever awaiting.
    *mandelbrot(stream) {
      const width = numberOf(stream, 'width', 1, MAX_ROW_BYTES);
      const height = numberOf(stream, 'height', 1, 1_000_000);
      const maxIter = numberOf(stream, 'maxIter', 1, 1_000_000_000);
      const y0 = numberOf(stream, 'y0', 0, height - 1);
      const rows = numberOf(stream, 'rows', 1, height - y0);
      for (let py = y0; py < y0 + rows; py++) {
        // One look at the cancel flag a pixel costs nothing beside the pixel, and a cancel is seen within one.
        yield mandelbrotRow(width, height, maxIter, py, () => stream.throwIfCancelled());
      }
    },
  },
});

/**
 * Row `py` of a `width` × `height` picture: a byte per pixel, iterations & 255, over -2.5 … 1 and -1.25 … 1.25.
 *
 * @param beforePixel runs before each pixel
 */
export function mandelbrotRow(
  width: number,
  height: number,
  maxIter: number,
  py: number,
  beforePixel: () => void,
): Uint8Array {
  const row = new Uint8Array(width);
  const cy = -1.25 + (2.5 * py) / height;
  for (let px = 0; px < width; px++) {
    beforePixel();
    row[px] = iterations(-2.5 + (3.5 * px) / width, cy, maxIter) & 255;
  }
  return row;
}

function iterations(cx: number, cy: number, maxIter: number): number {
  let x = 0;
  let y = 0;
  let iter = 0;
  while (iter < maxIter && x * x + y * y <= 4) {
    const t = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = t;
    iter++;
  }
  return iter;
}

/** A whole number of the stream's metadata, where every value is text. */
function numberOf(stream: ServerStream, key: string, min: number, max: number): number {
  const text = stream.context.metadata.find(([name]) => name === key)?.[1];
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value < min || value > max) {
    const given = text === undefined ? 'it is missing' : `not '${text}'`;
    throw new ModuleError(
      'invalidArgument',
      `The metadata '${key}' must be a whole number from ${min} to ${max}; ${given}.`,
    );
  }
  return value;
}
