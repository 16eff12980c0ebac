import { availableParallelism } from 'node:os';
import { isModuleError } from '../../errors.ts';
import { figuresOf, renderFigures, type Measurement } from './figures.ts';
import { openInput, readChunks } from '../call/files.ts';
import { CliError } from '../terminal/failure.ts';
import { bytes, count, plural } from '../terminal/format.ts';
import { callOnce, type CallSpec, type CallTally } from '../call/one-call.ts';
import { textOf } from '../../base/thrown.ts';
import { openModule } from '../open-module.ts';
import { startProgressLine } from '../terminal/progress-line.ts';

export interface BenchOptions {
  readonly file: string;
  readonly method: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  readonly input: string | undefined;
  readonly workers: readonly number[];
  /** Undefined: twice the workers, so that none waits for the host. */
  readonly concurrency: number | undefined;
  readonly measureMs: number;
  readonly isJson: boolean;
}

/** @returns the exit code @throws CliError where a call fails: its time would say nothing */
export async function runBench(options: BenchOptions): Promise<number> {
  const input = options.input === undefined ? [] : await readChunks(await openInput(options.input));
  const series: Measurement[] = [];
  for (const workers of options.workers) series.push(await measure(options, workers, input));
  const figures = figuresOf(series);
  const { file, method } = options;
  const cores = availableParallelism();
  const inputBytes = input.reduce((sum, { length }) => sum + length, 0);
  if (options.isJson) {
    const { version } = process;
    process.stdout.write(`${JSON.stringify({ file, method, inputBytes, cores, node: version, figures })}\n`);
    return 0;
  }
  process.stdout.write(
    `${method}, ${bytes(inputBytes)} a call, ${plural(cores, 'core')}, Node ${process.version}\n\n${renderFigures(figures)}\n`,
  );
  return 0;
}

async function measure(
  options: BenchOptions,
  workers: number,
  input: readonly Uint8Array[],
): Promise<Measurement> {
  const { method, metadata, measureMs } = options;
  const concurrency = options.concurrency ?? 2 * workers;
  const spec: CallSpec = {
    method,
    metadata,
    isUnary: false,
    deadlineMs: undefined,
    cancelAfterMs: undefined,
    credit: undefined,
  };
  const { module } = await openModule(options.file, 'bench', { workers });
  const interrupt = (): boolean => module.kill();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const latencies: number[] = [];
  const firstData: number[] = [];
  const tally: CallTally = { done: 0, framesOut: 0, bytesOut: 0, framesIn: 0, bytesIn: 0 };
  const stop = new AbortController();
  const hideProgress = startProgressLine(
    () => `${plural(workers, 'worker')}: ${plural(latencies.length, 'call')}`,
  );
  const start = performance.now();
  const from = start + measureMs / 10;
  const end = from + measureMs;
  /** Traffic before the measurement began. */
  let before: CallTally = { ...tally };
  /** Traffic until it ended. */
  let after: CallTally | undefined;
  let isWarm = false;
  const warmUp = (now: number): void => {
    if (isWarm || now < from) return;
    isWarm = true;
    before = { ...tally };
  };
  const oneAfterTheOther = async (): Promise<void> => {
    for (let now = performance.now(); now < end; now = performance.now()) {
      warmUp(now);
      let first: number | undefined;
      const onData = (): Promise<void> => {
        first ??= performance.now();
        return Promise.resolve();
      };
      await callOnce(module, spec, input, onData, tally, stop.signal);
      const done = performance.now();
      // One that began in the warm-up and ends behind it counts: at each moment as many run.
      if (done < from || done >= end) continue;
      latencies.push(done - now);
      if (first !== undefined) firstData.push(first - now);
    }
  };
  // Calls that never end must not hold the measurement up.
  const timer = setTimeout(() => {
    after = { ...tally };
    stop.abort('the measurement is over');
  }, end - start);
  try {
    await Promise.all(
      Array.from({ length: concurrency }, () => oneAfterTheOther().catch(unlessStopped(stop.signal))),
    );
  } catch (error) {
    const text = isModuleError(error) ? `${error.code}: ${error.message}` : textOf(error);
    throw new CliError(
      1,
      `a call of ${method} failed: ${text}`,
      `Try it: ixt-module call ${options.file} ${method}`,
    );
  } finally {
    clearTimeout(timer);
    hideProgress();
    await module.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  // Where every call ended just in time, nothing had to be stopped.
  after ??= tally;
  if (latencies.length === 0) {
    const mend = `Give it more time: --time ${measureMs * 10}`;
    throw new CliError(1, `not one call of ${method} ended within ${count(measureMs)} ms`, mend);
  }
  const ms = end - from;
  return {
    workers,
    concurrency,
    ms,
    latencies,
    firstData,
    bytesOut: after.bytesOut - before.bytesOut,
    bytesIn: after.bytesIn - before.bytesIn,
    framesOut: after.framesOut - before.framesOut,
    framesIn: after.framesIn - before.framesIn,
  };
}

/**
 * Makes a function that throws the errors of calls again, unless the measurement has ended, because the calls that its end
 * cancelled have not failed.
 */
function unlessStopped(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
