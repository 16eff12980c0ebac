import { bytes, count, hundredths, table } from '../terminal/format.ts';

/** The measurements with one number of workers. */
export interface Measurement {
  readonly workers: number;
  readonly concurrency: number;
  /** Duration of the measurement, in ms. */
  readonly ms: number;
  /** From Open to end of each call that ended meanwhile, in ms. */
  readonly latencies: readonly number[];
  /** From Open to the first Data of each of those that answered with any. */
  readonly firstData: readonly number[];
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly framesOut: number;
  readonly framesIn: number;
}

/** The figures of a measurement. Times in ms, rates a second. */
export interface Figures {
  readonly workers: number;
  readonly concurrency: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly framesPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly firstDataP50: number | undefined;
  readonly latencyP50: number;
  readonly latencyP99: number;
  readonly latencyMax: number;
  /** Calls a second against those of the first measurement. */
  readonly speedUp: number;
}

/** The figures of a series; the first measurement is what the others are compared with. */
export function figuresOf(series: readonly Measurement[]): Figures[] {
  const base = series[0] === undefined ? 0 : (1000 * series[0].latencies.length) / series[0].ms;
  return series.map((one) => {
    const perSecond = (value: number): number => (1000 * value) / one.ms;
    const sorted = [...one.latencies].sort((a, b) => a - b);
    const first = [...one.firstData].sort((a, b) => a - b);
    const callsPerSecond = perSecond(sorted.length);
    return {
      workers: one.workers,
      concurrency: one.concurrency,
      calls: sorted.length,
      callsPerSecond,
      framesPerSecond: perSecond(one.framesIn + one.framesOut),
      bytesInPerSecond: perSecond(one.bytesIn),
      bytesOutPerSecond: perSecond(one.bytesOut),
      firstDataP50: first.length === 0 ? undefined : percentile(first, 50),
      latencyP50: percentile(sorted, 50),
      latencyP99: percentile(sorted, 99),
      latencyMax: percentile(sorted, 100),
      speedUp: base === 0 ? 0 : callsPerSecond / base,
    };
  });
}

/**
 * The nearest-rank percentile: the smallest value that at least `p` percent of all are not above.
 *
 * @param sorted ascending; not empty, or the result is 0
 */
export function percentile(sorted: readonly number[], p: number): number {
  const rank = Math.max(1, Math.ceil((p / 100) * sorted.length));
  return sorted[rank - 1] ?? 0;
}

/** Tables for a person, two of them: one would be wider than a terminal of 80 columns. */
export function renderFigures(figures: readonly Figures[]): string {
  const rates = figures.map((one) => [
    count(one.workers),
    count(one.calls),
    one.callsPerSecond < 100 ? hundredths(one.callsPerSecond) : count(one.callsPerSecond),
    hundredths(one.speedUp),
    bytes(Math.round(one.bytesOutPerSecond)),
    bytes(Math.round(one.bytesInPerSecond)),
    count(one.framesPerSecond),
  ]);
  const times = figures.map((one) => [
    count(one.workers),
    one.firstDataP50 === undefined ? '-' : hundredths(one.firstDataP50),
    hundredths(one.latencyP50),
    hundredths(one.latencyP99),
    hundredths(one.latencyMax),
  ]);
  const rateHeads = ['workers', 'calls', 'calls/s', 'speed-up', 'sent/s', 'received/s', 'frames/s'];
  const timeHeads = ['workers', 'first ms', 'p50 ms', 'p99 ms', 'max ms'];
  return `${table([rateHeads, ...rates])}\n\n${table([timeHeads, ...times])}`;
}
