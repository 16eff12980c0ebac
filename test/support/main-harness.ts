import { setImmediate as turn } from 'node:timers/promises';
import type { Stats } from '../../src/base/stats.ts';
import type { SourceEvents } from '../../src/main/input/source.ts';
import { Main } from '../../src/main/main.ts';
import { DEFAULT_OPTIONS, type ServeOptions } from '../../src/main/options.ts';
import { JobControl } from '../../src/shared-memory/job-control.ts';
import { Region, type ControlBlock } from '../../src/shared-memory/region.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import type { Manifest } from '../../src/threads/manifest.ts';
import { OP, type RequestTask } from '../../src/threads/messages.ts';
import { Framer } from '../../src/wire/capnp/framer.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeShutdown } from '../../src/wire/payload-encode.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { OpenReader } from '../../src/worker/jobs/opened-stream.ts';
import { decodeMessage, type DecodedMessage } from './decoded-message.ts';
import { FakeLinks, type FakeLink, type LinkWatcher } from './fake-links.ts';
import { ThreadEnds, type FakeJob, type SeenOp } from './fake-workers.ts';
import { MANIFEST, NOW, idOf } from './module-facts.ts';

/** One task as a thread got it. */
export interface Task {
  /** The stream's or request's own id. */
  readonly id: string;
  /** The job's number. */
  readonly number: number;
  readonly link: FakeLink;
  readonly job: FakeJob;
  /** Of a request. */
  readonly body?: Uint8Array;
}

const DRAIN_ID = 'drain';
const opens = new OpenReader(DEFAULT_WIRE_LIMITS);
/** Operations of a job's handler; the others are about the module. */
const JOB_OPS: ReadonlySet<number> = new Set([OP.data, OP.end, OP.credit, OP.stop]);

/** The real main between a host, threads and a clock that are the test's. */
export class MainHarness implements LinkWatcher {
  readonly clock = new TestClock(NOW);
  readonly links = new FakeLinks(this);
  readonly main: Main;
  /** Lines for a person, and codes that the process was ended with. */
  readonly lines: string[] = [];
  readonly exits: number[] = [];
  /** What the threads were given: tasks, and operations on their jobs. */
  readonly tasks: Task[] = [];
  readonly ops: SeenOp[] = [];
  /** Whether the host reads whatever is written, at once. */
  isReading = true;
  #unread: (() => void) | undefined;
  #events: SourceEvents | undefined;
  #ends: ThreadEnds | undefined;
  #sent: DecodedMessage[] = [];
  readonly #framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
    this.#sent.push(decodeMessage(bytes.slice(start, end)));
  });

  /** @param manifest of the module that all threads have loaded; `null`: none has yet */
  constructor(options: Partial<ServeOptions> = {}, manifest: Manifest | null = MANIFEST) {
    this.main = new Main(
      { ...DEFAULT_OPTIONS, file: '/module.js', workers: 1, loadsAtOnce: 8, ...options },
      {
        clock: this.clock,
        log: (line) => this.lines.push(line),
        openSink: () => ({
          write: (bytes, done) => {
            this.#framer.push(bytes);
            if (this.isReading) done();
            else this.#unread = done;
          },
        }),
        openSource: (events) => {
          this.#events = events;
          return { pause: () => {}, resume: () => {} };
        },
        openLinks: ({ region }) => {
          this.#ends = new ThreadEnds(new Region(region));
          return this.links;
        },
        exit: (code) => this.exits.push(code),
      },
    );
    if (manifest !== null) this.load(manifest);
  }

  onStart(link: FakeLink): void {
    this.#ends?.open(link.slot, () => link.say({ type: 'bell' }));
  }

  onOp(link: FakeLink, op: SeenOp): void {
    if (op.kind === OP.open) {
      const { id, jobId: number, block: job } = opens.read(op.job, op.payload);
      this.tasks.push({ id, number, link, job: this.#job(link, number, job, id) });
    } else if (op.kind === OP.close) {
      link.say({ type: 'closed' });
    } else if (JOB_OPS.has(op.kind)) {
      this.ops.push(op);
    }
  }

  onTask(link: FakeLink, { jobId: number, block: job, context, body }: RequestTask): void {
    const { invocationId: id } = context;
    this.tasks.push({ id, number, link, job: this.#job(link, number, job, idOf(0)), body });
  }

  #job(link: FakeLink, number: number, job: ControlBlock, id: StreamId): FakeJob {
    if (this.#ends === undefined) throw new Error('no memory is shared yet');
    return this.#ends.job(link.slot, number, new JobControl(this.#ends.region, job), id);
  }

  /** All threads that have not loaded the module yet load it. */
  load(manifest: Manifest = MANIFEST): void {
    for (const link of this.links.started) if (!link.hasLoaded && !link.hasExited) link.load(manifest);
  }

  /** The host writes these messages, which arrive in one read. The buffer is used again afterwards, as a read buffer is. */
  host(...messages: Uint8Array[]): void {
    const bytes = new Uint8Array(Buffer.concat(messages));
    this.#events?.onBytes(bytes);
    bytes.fill(0xee);
  }

  /** The host asks for the end, and gives what runs or waits an hour. */
  drain(): void {
    this.host(encodeEnvelope('shutdown', DRAIN_ID, encodeShutdown({ drainMs: 3_600_000 })));
  }

  /** Whether nothing runs or waits, so that a shutdown ends the process at once. This is the end of the harness's main. */
  async endsAtOnce(): Promise<boolean> {
    this.drain();
    await turn();
    return this.exits.length > 0;
  }

  /** The task that was given to a thread at this place in the order. */
  task(at: number): Task {
    const task = this.tasks[at];
    if (task === undefined) throw new Error(`no task ${at} runs`);
    return task;
  }

  /** The handler of a task has ended. */
  settle({ link, number }: Task): void {
    link.say({ type: 'settled', jobId: number });
  }

  /** The handler of a request answers, and ends. @param payload of the answer: the body, or an encoded error */
  answer(task: Task, ok: boolean, payload: Uint8Array): void {
    task.link.say({ type: 'answer', jobId: task.number, ok, payload });
    this.settle(task);
  }

  /** Main ends the worker, whose thread goes on. */
  kill({ link }: Task, why = 'the test ends it'): void {
    this.main.killWorker(link.slot, why);
  }

  /** The thread dies, and the one that replaces it loads the module. */
  crash({ link }: Task, how: string): void {
    link.exit(1, how);
    this.load();
  }

  /** No thread can be started any more, for so long that calls are refused. The ones that are there die. */
  loseThreads(why: string): void {
    this.links.fault = why;
    for (const link of this.links.started) link.exit(1);
    this.clock.advance(60_000);
  }

  /** Threads can be started again, and load the module. */
  findThreads(): void {
    this.links.fault = undefined;
    this.clock.advance(5000);
    this.load();
  }

  /** What main has sent since the last call; not the frames that threads write themselves, nor the answer to {@link drain}. */
  async take(): Promise<DecodedMessage[]> {
    await turn();
    return this.#sent.splice(0).filter(({ requestId }) => requestId !== DRAIN_ID);
  }

  /** The same, each as `id code`, or `id` and the arm or type. */
  async takeBrief(): Promise<string[]> {
    return (await this.take()).map(({ type, requestId, frame }) => {
      const id = /^0*([0-9a-f]+)$/.exec(requestId)?.[1] ?? requestId;
      return frame === undefined
        ? `${id} ${type}`
        : frame.arm === 'error'
          ? `${id} ${frame.code}`
          : `${id} ${frame.arm}`;
    });
  }

  /** A host that does not read at once has read what was written. */
  hostReads(): void {
    const done = this.#unread;
    this.#unread = undefined;
    done?.();
  }

  get stats(): Stats {
    return this.main.stats();
  }
}
