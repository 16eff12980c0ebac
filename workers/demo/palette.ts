import { encode } from 'fast-png';
import type { Picture } from './picture.ts';

type Colour = readonly [red: number, green: number, blue: number];

/** The ends meet, since iterations & 255 wrap around. */
const STOPS: readonly Colour[] = [
  [4, 6, 48],
  [14, 60, 140],
  [90, 170, 232],
  [240, 248, 255],
  [255, 196, 64],
  [190, 80, 16],
  [72, 16, 32],
  [4, 6, 48],
];

/** A PNG of `pixels`, iterations & 255 each; what never left the set within `maxIter` is black. */
export function toPng(picture: Picture, pixels: Uint8Array): Uint8Array {
  const { width, height, maxIter } = picture;
  const palette = Array.from({ length: 256 }, (_, iterations) => colourOf(iterations));
  palette[maxIter & 255] = [0, 0, 0];
  const data = new Uint8Array(pixels.length * 3);
  for (const [at, value] of pixels.entries()) data.set(palette[value] ?? [0, 0, 0], at * 3);
  return encode({ width, height, data, channels: 3 });
}

/** Logarithmic: most of the picture has left within a few iterations, and would have one colour otherwise. */
function colourOf(iterations: number): Colour {
  const place = (Math.log2(iterations + 1) / 8) * (STOPS.length - 1);
  const index = Math.min(Math.floor(place), STOPS.length - 2);
  const share = place - index;
  const from = STOPS[index] ?? [0, 0, 0];
  const to = STOPS[index + 1] ?? [0, 0, 0];
  const mix = (a: number, b: number): number => Math.round(a + (b - a) * share);
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])];
}
