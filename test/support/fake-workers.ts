import type { ErrorReport } from '../../src/errors.ts';
import { PoolWorker } from '../../src/main/workers/pool-worker.ts';
import type { WorkerLink } from '../../src/main/workers/worker-link.ts';
import { Place } from '../../src/main/workers/worker-supply.ts';
import type { Assignment } from '../../src/main/calls/scheduler.ts';
import type { JobControl } from '../../src/shared-memory/job-control.ts';
import { RingProducer } from '../../src/shared-memory/outbound-ring.ts';
import { Region, type SlotNumber } from '../../src/shared-memory/region.ts';
import { SlotSignals, WorkerBell } from '../../src/shared-memory/slot-signals.ts';
import { WorkerWriteLock } from '../../src/shared-memory/write-lock.ts';
import { OP } from '../../src/threads/messages.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { StreamOutput } from '../../src/worker/jobs/stream-output.ts';
import { WireOutput } from '../../src/worker/wire-output.ts';
import { readOps } from '../../src/threads/op-batch.ts';

/** One operation of main, as a worker would see it. */
export interface SeenOp {
  readonly kind: number;
  readonly job: number;
  readonly payload: Uint8Array;
}

/** A job on a fake worker: what its handler would hold. */
export interface FakeJob {
  readonly number: number;
  readonly control: JobControl;
  readonly output: StreamOutput;
}

/**
 * Slots in real shared memory, whose threads are the test: what main posts is seen at once, what "the worker" does goes
 * through the real ring, lock and output, and out of the write attempt.
 *
 * One of these may serve one world after the other: the memory is large, and its state is reset with each slot.
 */
export class FakeSlots {
  readonly region: Region;
  readonly #ends: ThreadEnds;
  #incarnations = 0;

  constructor(workers: number, streamsPerWorker: number) {
    this.region = Region.allocate(workers, workers * streamsPerWorker);
    this.#ends = new ThreadEnds(this.region);
  }

  /** A thread that has taken its slot and loads its module. @param onOp is told of each operation as it is posted */
  start(slot: number, onOp: (op: SeenOp) => void): PoolWorker {
    const signals = new SlotSignals(this.region, slot as SlotNumber);
    signals.reset();
    this.#ends.open(signals.slot, () => {});
    const link: WorkerLink = {
      postBatch: (batch) => readOps(batch, (kind, job, payload) => onOp({ kind, job, payload })),
      postTask: () => {},
      receive: () => undefined,
      loopActivity: () => 1,
      terminate: () => {},
      close: () => {},
    };
    return new PoolWorker(signals, link, new Place(), ++this.#incarnations);
  }

  /** The job's side of an assignment. */
  job({ worker, jobId: number, control }: Assignment, id: StreamId): FakeJob {
    return this.#ends.job(worker.slotNumber, number, control, id);
  }

  /** What workers have put on the wire since the last call; undefined: nothing. */
  takeWritten(): Uint8Array | undefined {
    return this.#ends.takeWritten();
  }
}

/** The threads' ends of the shared memory: real rings, locks and outputs, which write to a list. */
export class ThreadEnds {
  readonly region: Region;
  readonly #outputs: WireOutput[] = [];
  #written: Uint8Array[] = [];
  #time = 0;

  constructor(region: Region) {
    this.region = region;
  }

  /** Builds what a thread builds for itself on a slot that was reset for it. @param onBell the thread rings main's bell */
  open(slot: SlotNumber, onBell: () => void): void {
    const lock = new WorkerWriteLock(
      this.region,
      slot,
      (bytes, offset, length) => {
        this.#written.push(bytes.slice(offset, offset + length));
        return length;
      },
      () => {},
    );
    const bell = new WorkerBell(this.region, slot, onBell);
    // Time passes from frame to frame, so that each is written as soon as it is committed.
    this.#outputs[slot] = new WireOutput(new RingProducer(this.region, slot), lock, bell, () => ++this.#time);
  }

  /** The thread's side of a job. */
  job(slot: number, number: number, control: JobControl, id: StreamId): FakeJob {
    const wire = this.#outputs[slot];
    if (wire === undefined) throw new Error('a job was given to a worker without a slot');
    return { number, control, output: new StreamOutput(wire, control, id) };
  }

  /** What threads have put on the wire since the last call; undefined: nothing. */
  takeWritten(): Uint8Array | undefined {
    const parts = this.#written;
    if (parts.length === 0) return undefined;
    this.#written = [];
    return parts.length === 1 ? parts[0] : Uint8Array.from(Buffer.concat(parts));
  }
}

/** Ends a job's stream as a worker does: a decided cause wins over what the handler made of it. */
export function commitEnd({ control, output }: FakeJob, own: ErrorReport | undefined): void {
  const { cause } = control;
  const report = cause === undefined ? own : { code: cause, message: 'told to stop' };
  if (!output.commitTerminal(output.terminal(report)))
    throw new Error('there was no room for a terminal frame');
}

/** What an operation is called in a test's words. */
export function nameOfOp({ kind, job, payload }: SeenOp): string {
  switch (kind) {
    case OP.data:
      return `data ${job} ${payload.length}`;
    case OP.end:
      return `end ${job}`;
    case OP.credit:
      return `credit ${job}`;
    case OP.stop:
      return `stop ${job}`;
    default:
      return `op ${kind} ${job}`;
  }
}
