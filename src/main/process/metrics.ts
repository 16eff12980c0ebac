import type { Durations } from '../../base/durations.ts';
import type { Stats } from '../../base/stats.ts';
import { ERROR_CODES, type ErrorCode } from '../../errors.ts';

/** One metric as Prometheus names it, in its base units: seconds and bytes. */
export type Metric = LabelledMetric | SummaryMetric;

export interface LabelledMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A count and a sum. There are no quantiles, because main keeps none. */
export interface SummaryMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'summary';
  readonly count: number;
  readonly sum: number;
}

/** The figures of one moment. */
export interface Figures {
  readonly stats: Stats;
  /** Workers that were asked for. */
  readonly wantedWorkers: number;
  /** Resident memory of the process, in bytes; `undefined` if the system doesn't say. */
  readonly rssBytes: number | undefined;
}

/**
 * The metrics of each figure. It has a line for every figure, because a figure that nobody exports is one that an operator looks
 * for in vain.
 */
const METRICS: { readonly [Figure in keyof Stats]: (stats: Stats) => readonly Metric[] } = {
  uptimeMs: ({ uptimeMs }) => [
    gauge('ixt_uptime_seconds', 'Time since the module process began.', seconds(uptimeMs)),
  ],
  framesIn: ({ framesIn }) => [
    counter('ixt_wire_in_frames_total', 'Messages of all types from the host.', framesIn),
  ],
  framesOut: ({ framesOut }) => [
    counter('ixt_wire_out_frames_total', 'Messages of all types to the host.', framesOut),
  ],
  bytesIn: ({ bytesIn }) => [counter('ixt_wire_in_bytes_total', 'Bytes from the host.', bytesIn)],
  bytesOut: ({ bytesOut }) => [counter('ixt_wire_out_bytes_total', 'Bytes to the host.', bytesOut)],
  lateFrames: ({ lateFrames }) => [
    counter('ixt_late_frames_total', 'Frames for streams that had ended, and grants of 0 bytes.', lateFrames),
  ],
  opened: ({ opened }) => [counter('ixt_streams_opened_total', 'Opens that were accepted.', opened)],
  ended: ({ ended, refused }) => [
    {
      name: 'ixt_streams_ended_total',
      help: 'Accepted streams that have ended, by outcome: close, or the code of their error.',
      type: 'counter',
      samples: (['close', ...ERROR_CODES] as const).map((outcome) => ({
        labels: { outcome },
        value: (ended[outcome] ?? 0) - (outcome === 'close' ? 0 : (refused[outcome] ?? 0)),
      })),
    },
  ],
  refused: ({ refused }) => [
    {
      name: 'ixt_streams_refused_total',
      help: 'Opens that were refused, and frames that could not be understood, by the code of the error.',
      type: 'counter',
      samples: ERROR_CODES.map((code: ErrorCode) => ({ labels: { code }, value: refused[code] ?? 0 })),
    },
  ],
  openStreams: ({ openStreams, queuedOpens }) => [
    gauge('ixt_streams_running', 'Streams that have a worker.', openStreams - queuedOpens),
  ],
  queuedOpens: ({ queuedOpens }) => [
    gauge('ixt_streams_queued', 'Accepted streams that wait for a worker.', queuedOpens),
  ],
  workers: ({ workers }) => [
    gauge('ixt_workers_serving', 'Workers that can take a job, now or after the one that they run.', workers),
  ],
  sleepingWorkers: ({ sleepingWorkers }) => [
    gauge(
      'ixt_workers_sleeping',
      'Of those that serve, the ones without a thread until a call wakes them.',
      sleepingWorkers,
    ),
  ],
  missingWorkers: ({ missingWorkers }) => [
    gauge('ixt_workers_missing', 'Workers whose last start or load has failed.', missingWorkers),
  ],
  // It is a text for a person, and each text would be a series of its own.
  missingBecause: () => [],
  lingeringThreads: ({ lingeringThreads }) => [
    gauge('ixt_threads_lingering', 'Ended threads that finish native work.', lingeringThreads),
  ],
  busyWorkers: ({ busyWorkers }) => [
    gauge('ixt_workers_busy', 'Workers that run a stream or a request.', busyWorkers),
  ],
  workerRestarts: ({ workerRestarts }) => [
    counter(
      'ixt_worker_deaths_total',
      'Threads that had loaded the module and have exited, but for those of workers that were put to sleep.',
      workerRestarts,
    ),
  ],
  queueWait: ({ queueWait }) =>
    times('ixt_queue_wait', 'Time from an Open until a worker had room for it', queueWait),
  run: ({ run }) => times('ixt_run', 'Time from there until the handler had really ended', run),
  cancelLatency: ({ cancelLatency }) =>
    times('ixt_cancel_latency', 'Time from a cancel or deadline to the end of the handler', cancelLatency),
  creditStall: ({ creditStall }) =>
    times('ixt_credit_stall', 'Time that sends waited for credit of the host', creditStall),
  ringStall: ({ ringStall }) =>
    times('ixt_ring_stall', 'Time that sends waited because the host did not read', ringStall),
  lockStall: ({ lockStall }) =>
    times('ixt_lock_stall', 'Time that main waited for a worker to hand over the write lock', lockStall),
  handlerCpuMs: ({ handlerCpuMs }) =>
    handlerCpuMs === undefined
      ? []
      : [
          counter(
            'ixt_handler_cpu_seconds_total',
            'CPU time of ended handlers that had their worker to themselves.',
            seconds(handlerCpuMs),
          ),
        ],
  droppedLogs: ({ droppedLogs }) => [
    counter('ixt_dropped_logs_total', 'Log lines that standard error had no room for.', droppedLogs),
  ],
  mainDelay: ({ mainDelay }) =>
    mainDelay === undefined
      ? []
      : [
          delay('mean', 'Mean', mainDelay.meanMs),
          delay('p99', '99th percentile', mainDelay.p99Ms),
          delay('max', 'Maximum', mainDelay.maxMs),
        ],
};

/**
 * The figures as metrics. An outcome or a code that has not occurred yet is there with 0, because Prometheus sees no increase in a
 * series that begins with 1. A figure that can't be measured is left out.
 */
export function metricsOf({ stats, wantedWorkers, rssBytes }: Figures): Metric[] {
  return [
    ...Object.values(METRICS).flatMap((metrics) => metrics(stats)),
    gauge('ixt_workers_wanted', 'Workers that were asked for.', wantedWorkers),
    ...(rssBytes === undefined
      ? []
      : [gauge('process_resident_memory_bytes', 'Resident memory of the module process.', rssBytes)]),
  ];
}

function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [{ labels: {}, value }] };
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', samples: [{ labels: {}, value }] };
}

function delay(which: string, words: string, ms: number): Metric {
  const help = `${words} of how late the event loop of main was, since metrics are on.`;
  return gauge(`ixt_main_delay_${which}_seconds`, help, seconds(ms));
}

function times(name: string, what: string, { count, totalMs, maxMs }: Durations): Metric[] {
  return [
    { name: `${name}_seconds`, help: `${what}.`, type: 'summary', count, sum: seconds(totalMs) },
    gauge(`${name}_max_seconds`, `${what}: the longest since the start.`, seconds(maxMs)),
  ];
}

function seconds(ms: number): number {
  return ms / 1000;
}
