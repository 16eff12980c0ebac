import { setFlagsFromString } from 'node:v8';
import { logLine } from '../base/stderr.ts';
import { endProcess } from './process/exit.ts';
import type { ServeOptions } from './options.ts';
import { WorkerPool } from './workers/pool.ts';
import { watchParent, watchSignals } from './process/process-events.ts';
import { Main } from './main.ts';
import { startPiscina } from './workers/thread-source.ts';
import { MAX_TIMER_MS, type Clock } from '../base/clock.ts';
import { openSink } from './output/sink.ts';
import { openSource } from './input/source.ts';

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, action) => {
    // A Node timer beyond its range fires at once; 24 days are as good as any longer time. One may also come a part of a ms
    // early by the time of day, and a deadline must not.
    const timer = setTimeout(action, Math.min(ms === 0 ? 0 : ms + 1, MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Serves the host at the descriptors of `options` until the process ends. */
export function serve(options: ServeOptions): void {
  // Main has its size already; a worker's comes from its own resource limits, which the flag would overrule.
  setFlagsFromString('--max-semi-space-size=0');
  const main = new Main(options, {
    clock,
    log: logLine,
    openSink: (onError) => openSink(options.output, onError),
    openSource: (events) => openSource(options.input, events),
    startThreads: startPiscina,
    createPool: (...parts) => new WorkerPool(...parts),
    exit: endProcess,
  });
  watchSignals((code) => main.onSignal(code));
  watchParent(
    () => main.onTick(),
    () => main.onHostGone(),
  );
}
