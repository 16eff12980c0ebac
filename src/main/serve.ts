import { setFlagsFromString } from 'node:v8';
import { logLine } from '../base/stderr.ts';
import { textOf } from '../base/thrown.ts';
import { endProcess } from './process/exit.ts';
import { EXIT, type ServeOptions } from './options.ts';
import { watchMain } from './process/main-failure.ts';
import { watchHost, watchSignals } from './process/process-events.ts';
import { Main } from './main.ts';
import { ThreadLinks } from './workers/thread-links.ts';
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

/**
 * V8's flags that size a heap, of the command line or `NODE_OPTIONS`, which many container images set. Main has its size already when
 * they are taken back. A worker's comes from its own resource limits, which a flag would overrule, in both directions.
 */
const HEAP_FLAGS = [
  'max-old-space-size',
  'initial-old-space-size',
  'max-heap-size',
  'initial-heap-size',
  'max-semi-space-size',
  'min-semi-space-size',
];

/** Why main can't be put together, in words for who started it. */
class StartError extends Error {}

/** Serves the host at the descriptors of `options` until the process ends. What fails on the way ends it, with a line. Never throws. */
export function serve(options: ServeOptions): void {
  let links: ThreadLinks | undefined;
  let main: Main | undefined;
  const failed = (thrown: unknown): void => {
    const isForeseen = thrown instanceof StartError;
    if (isForeseen) logLine(thrown.message);
    else logLine(`serve failed as it began, please report this: ${textOf(thrown, 'stack')}`);
    // The threads would keep the process for ever, with nobody to serve.
    const endThreads = (): Promise<void> => links?.end() ?? Promise.resolve();
    endProcess(isForeseen ? EXIT.usage : EXIT.failed, endThreads);
  };
  watchMain((thrown) => {
    if (main === undefined) failed(thrown);
    else main.onFailure(thrown);
  });
  try {
    for (const flag of HEAP_FLAGS) setFlagsFromString(`--${flag}=0`);
    main = new Main(options, {
      clock,
      log: logLine,
      openSink: (onError) => opened('output', options.output, () => openSink(options.output, onError)),
      openSource: (events) => opened('input', options.input, () => openSource(options.input, events)),
      openLinks: (settings) =>
        (links = new ThreadLinks({ settings, workerHeapMb: options.workerHeapMb, log: logLine })),
      exit: endProcess,
    });
    const started = main;
    watchSignals((code) => started.onSignal(code));
    watchHost(options.output, started);
    const { eventsSocket, metrics } = options;
    if (eventsSocket !== undefined)
      void import('./process/events-socket.ts').then(({ openEventsSocket }) =>
        openEventsSocket(eventsSocket, options),
      );
    if (metrics !== undefined)
      void import('./process/metrics-server.ts').then(({ openMetrics }) => openMetrics(metrics, started));
  } catch (error) {
    failed(error);
  }
}

/** @throws StartError where `open` throws: the descriptor is in use, or of a kind that can't be waited for */
function opened<Opened>(what: 'input' | 'output', descriptor: number, open: () => Opened): Opened {
  try {
    return open();
  } catch (error) {
    const mend =
      'each of --descriptors must be a pipe, a socket or a file that nothing else in this process uses, as an IPC channel does';
    throw new StartError(
      `the protocol's ${what}, descriptor ${descriptor}, can't be used: ${textOf(error)}; ${mend}`,
    );
  }
}
