import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import type { Chart } from './charts.ts';

/** Twice the size of the plot, so that it is sharp on a dense screen. */
const ZOOM = 2;

/** Draws each chart into `folder` as PNG, without a browser. */
export async function draw(charts: readonly Chart[], folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { name, spec } of charts) {
    const svg = await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
    const png = new Resvg(svg, { fitTo: { mode: 'zoom', value: ZOOM } }).render().asPng();
    writeFileSync(join(folder, `${name}.png`), png);
  }
}
