import type { TopLevelSpec } from 'vega-lite';
import type { ContestResult } from '../harness/contest.ts';
import type { SimulationResult } from '../simulation/main-thread.ts';

/** One dot of a line. */
interface Dot {
  readonly x: number;
  readonly y: number;
  readonly min: number;
  readonly max: number;
  readonly who: string;
}

/** A plot: the name of its file, and what it shows. */
export interface Chart {
  readonly name: string;
  readonly title: string;
  readonly spec: TopLevelSpec;
}

/** All plots that these results have points for. */
export function chartsOf(results: readonly ContestResult[], simulated: readonly SimulationResult[]): Chart[] {
  const payload = dotsOf(results, 'payload');
  const charts = [
    chart('payload-frames', 'Echo, 1 stream', payload, 'payload, bytes', 'frames/s'),
    chart(
      'payload-bytes',
      'Echo, 1 stream',
      payload.map((dot) => scaled(dot, dot.x / 1e6)),
      'payload, bytes',
      'MB/s, each way',
    ),
    chart('streams', 'Echo of 64 B frames', dotsOf(results, 'streams'), 'streams', 'frames/s'),
    chart('workers', 'Source of 128 B frames, drained', dotsOf(results, 'workers'), 'workers', 'frames/s'),
    chart(
      'load',
      'Echo of 64 B frames at a steady rate',
      loadDots(results),
      'frames/s asked for',
      'µs from when it was due',
    ),
    chart(
      'cores',
      'Simulated: cores that one main thread keeps busy',
      // A logarithmic axis has no 0.
      simulated
        .filter(({ computing }) => computing > 0)
        .map(({ workers, computing, busyCores }) => ({
          x: computing,
          y: busyCores,
          min: busyCores,
          max: busyCores,
          who: `${workers} workers`,
        })),
      'the handler computes, µs a frame',
      'busy cores',
    ),
  ];
  return charts.filter((one): one is Chart => one !== undefined);
}

function dotsOf(results: readonly ContestResult[], name: string): Dot[] {
  return results.flatMap(({ point, contestants }) =>
    point?.chart !== name
      ? []
      : contestants.map(({ name: who, median, min, max }) => ({ x: point.x, y: median, min, max, who })),
  );
}

/** Median and tail of each contestant. */
function loadDots(results: readonly ContestResult[]): Dot[] {
  return results.flatMap(({ point, contestants }) =>
    point?.chart !== 'load'
      ? []
      : contestants.flatMap(({ name, details }) =>
          (['p50', 'p99'] as const).map((share) => {
            const y = details[`${share} µs`] ?? NaN;
            return { x: point.x, y, min: y, max: y, who: `${name}, ${share}` };
          }),
        ),
  );
}

function scaled(dot: Dot, factor: number): Dot {
  return { ...dot, y: dot.y * factor, min: dot.min * factor, max: dot.max * factor };
}

function chart(name: string, title: string, dots: readonly Dot[], x: string, y: string): Chart | undefined {
  if (dots.length === 0) return undefined;
  const axis = (label: string) => ({
    type: 'quantitative' as const,
    scale: { type: 'log' as const },
    title: label,
  });
  const xField = { field: 'x', ...axis(x) };
  const color = { field: 'who', type: 'nominal' as const, title: null };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    width: 560,
    height: 320,
    background: 'white',
    data: { values: [...dots] },
    layer: [
      { mark: { type: 'line', point: true }, encoding: { x: xField, y: { field: 'y', ...axis(y) }, color } },
      { mark: 'rule', encoding: { x: xField, y: { field: 'min', ...axis(y) }, y2: { field: 'max' }, color } },
    ],
    config: { font: 'DejaVu Sans' },
  };
  return { name, title, spec };
}
