/** The way of one frame through host, main and worker, and how much CPU time each part of it takes. */

/** Whose time a profile shows. */
export type ProfiledThread = 'host' | 'main' | 'worker';

/**
 * A stage, and the places of its code: how the path of a source file begins, or the name of a native function in brackets. A test
 * sees that each path is one of today's files.
 */
type Rule = readonly [stage: string, ...places: string[]];

const WRITES = [
  ...['[writev]', '[writeBuffer]', '[write]', '[(program)]'],
  ...['node:internal/stream', 'node:internal/fs', 'node:internal/net', 'node:net', 'node:fs'],
];
const GARBAGE: Rule = ['collection of garbage', '[(garbage collector)]'];
const OTHER = "Node's own: start, event loop, ports, hooks";

/** In the order of a frame's way; the first rule that fits a place counts. */
export const RULES: Readonly<Record<ProfiledThread, readonly Rule[]>> = {
  host: [
    [
      'encode',
      ...['src/host/outbound', 'src/host/transport/write-batch', 'src/host/streams/stream-outbox'],
      ...['src/wire/frame-encoder', 'src/wire/capnp/segment-writer'],
    ],
    ['pipe: read and write', ...WRITES],
    ['decode, hand to the stream', 'src/'],
    ['the benchmark itself', 'benchmarks/'],
    GARBAGE,
  ],
  main: [
    ['pipe: read, and write for workers', ...WRITES],
    ['route', 'src/wire/stream-table'],
    ['cut and decode', 'src/wire/'],
    [
      'hand over: batch, post, wake',
      ...['src/threads/op-batch', 'src/base/buffers', 'src/main/workers/pool', 'src/main/calls/running-jobs'],
      ...['src/shared-memory/slot-signals', 'src/shared-memory/job-control', '[postMessage]'],
    ],
    ['ring to wire', 'src/main/output/', 'src/shared-memory/'],
    ['route', 'src/'],
    GARBAGE,
  ],
  worker: [
    [
      'take over: receive, copy out',
      ...['src/worker/inbox', 'src/threads/op-batch', 'src/base/buffers', 'src/shared-memory/slot-signals'],
      '[receiveMessageOnPort]',
    ],
    [
      'ring: encode, commit',
      ...[
        'src/worker/wire-output',
        'src/worker/jobs/stream-output',
        'src/shared-memory/outbound-ring',
        'src/wire/',
      ],
    ],
    [
      'write under the lock',
      ...['src/shared-memory/write-lock', 'src/worker/wire-descriptor', '[writeBuffer]', 'node:fs'],
    ],
    ['stream and handler', 'src/', 'benchmarks/'],
    GARBAGE,
  ],
};

/** Microseconds of CPU by stage, added up from self times. */
export class FrameStages {
  readonly #us = new Map<string, number>();

  /** @param place a file of the sources, relative to the project, or a native function's name in brackets @param us its own time */
  add(thread: ProfiledThread, place: string, us: number): void {
    const stage =
      RULES[thread].find(([, ...places]) => places.some((start) => place.startsWith(start)))?.[0] ?? OTHER;
    const key = `${thread}: ${stage}`;
    this.#us.set(key, (this.#us.get(key) ?? 0) + us);
  }

  /** Lines of a table, one for each stage. @param frames of each thread that were profiled */
  lines(frames: Readonly<Record<ProfiledThread, number>>): string[] {
    const threads = Object.keys(RULES) as ProfiledThread[];
    return threads.flatMap((thread) =>
      [...new Set([...RULES[thread].map(([stage]) => stage), OTHER])].map((stage) => {
        const us = (this.#us.get(`${thread}: ${stage}`) ?? 0) / frames[thread];
        return `| ${thread} | ${stage} | ${us < 10 ? us.toFixed(3) : us.toFixed(1)} |`;
      }),
    );
  }
}
