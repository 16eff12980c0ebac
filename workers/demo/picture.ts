/** The picture that all renderings of a run have in common. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly maxIter: number;
}

/** Rows y0 … y0+rows-1 of a picture: the work of one stream. */
export interface Band {
  readonly y0: number;
  readonly rows: number;
}

/** Rows of a band, at the most. */
const BAND_ROWS = 16;
/** Bands that each worker should get: with fewer, the last one of a slow worker shows in the time. */
const BANDS_PER_WORKER = 16;
/** All bands are opened at once, and a module queues this many unless told otherwise. */
const MAX_BANDS = 1024;

/** Cuts a picture into bands, small enough that `workers` of them end at about the same time. */
export function bandsOf(picture: Picture, workers: number): Band[] {
  const { height } = picture;
  const balanced = Math.floor(height / (workers * BANDS_PER_WORKER));
  const rows = Math.max(1, Math.ceil(height / MAX_BANDS), Math.min(BAND_ROWS, balanced));
  const bands: Band[] = [];
  for (let y0 = 0; y0 < height; y0 += rows) bands.push({ y0, rows: Math.min(rows, height - y0) });
  return bands;
}

/** A small picture with the same inner loop, for a warm-up: V8 compiles it before the clock starts. */
export function warmUpOf(picture: Picture): { picture: Picture; band: Band } {
  const height = 8;
  return { picture: { width: 64, height, maxIter: picture.maxIter }, band: { y0: 0, rows: height } };
}
