import type { ErrorCode } from '../../../src/errors.ts';
import { HOST_EVENTS, MODULE_EVENTS, type ModuleEventName, type StreamEvent } from './stream-events.ts';
import type { OracleState } from '../../support/stream-oracle.ts';
import type { Target, WorldShape } from './stream-world.ts';

/** One life of an id: from its Open until its handler has really ended. */
export interface Incarnation {
  readonly stream: number;
  state: OracleState;
  cause: ErrorCode | undefined;
  /** What the refusal of a stream that waits for the first worker will be. */
  readonly refusal: ErrorCode | undefined;
  /** The job's number, once it has a worker. */
  job: number | undefined;
  worker: ModelWorker | undefined;
  /** What the host may still send, and the module. */
  receiveBalance: number;
  sendBalance: number;
  /** Payloads that wait for a worker, then for the handler. */
  input: number;
  inputEnded: boolean;
}

/** One thread in its slot. */
export interface ModelWorker {
  phase: 'loading' | 'ready' | 'ended';
  isRevoked: boolean;
  readonly jobs: Incarnation[];
}

/** A timer that runs. */
export interface ModelTimer {
  readonly kind: 'grace' | 'deadline';
  readonly of: Incarnation;
}

/** What the model remembers between two events, and which events can follow. */
export class ModelState {
  readonly timers: ModelTimer[] = [];
  readonly running: Incarnation[] = [];
  /** Accepted and without a worker, in order. Before the first manifest nobody is placed. */
  readonly queue: Incarnation[] = [];
  /** Who has which id. */
  readonly live: (Incarnation | undefined)[] = [];
  readonly workers: ModelWorker[];
  hasManifest: boolean;
  isDraining = false;

  constructor(shape: WorldShape) {
    this.hasManifest = shape.isReady;
    this.workers = Array.from({ length: shape.workers }, () =>
      newWorker(shape.isReady ? 'ready' : 'loading'),
    );
  }

  /** The events that can happen now. @param isFull with the host's and the module's rarer ones */
  enabled(streams: number, isFull: boolean): StreamEvent[] {
    const events: StreamEvent[] = [];
    const hostEvents = isFull ? HOST_EVENTS : HOST_EVENTS.slice(0, HOST_EVENTS.indexOf('garbage'));
    const moduleEvents = isFull
      ? MODULE_EVENTS
      : MODULE_EVENTS.filter((name) => name !== 'takes' && name !== 'vanishes');
    for (let stream = 0; stream < streams; stream++) {
      for (const name of hostEvents) events.push({ name, stream });
      for (const name of moduleEvents)
        if (this.target(name, stream) !== undefined) events.push({ name, stream });
    }
    return events;
  }

  /**
   * Everything that decides what can happen from here on, as text: two models with the same key behave the same. Job
   * numbers and counts of late frames are left out, since they only grow.
   */
  key(): string {
    const known = [...this.queue, ...this.running];
    const place = (of: Incarnation): number => known.indexOf(of);
    const one = (of: Incarnation): string => {
      const worker = of.worker === undefined ? -1 : this.workers.indexOf(of.worker);
      const balances = `${of.receiveBalance} ${of.sendBalance} ${of.input}`;
      const isLive = this.live[of.stream] === of;
      return `${of.stream} ${of.state} ${of.cause} ${of.refusal} ${worker} ${balances} ${of.inputEnded} ${isLive}`;
    };
    return [
      this.hasManifest,
      this.isDraining,
      this.workers.map(({ phase, isRevoked }) => `${phase} ${isRevoked}`).join(),
      this.queue.length,
      known.map(one).join(),
      this.timers.map(({ kind, of }) => `${kind} ${place(of)}`).join(),
    ].join('|');
  }

  /** Which job or timer a module's event on a stream is about; `undefined`: it can't happen now. */
  target(name: ModuleEventName, stream: number): Target | undefined {
    const live = this.live[stream];
    const handled = live?.job === undefined ? undefined : { stream, job: live.job };
    // An incarnation whose id is free again goes before the one that has the id.
    const any = this.running.find((of) => of.stream === stream);
    const anyJob = any?.job === undefined ? undefined : { stream, job: any.job };
    switch (name) {
      case 'ready':
        return stream === 0 && this.workers.some(({ phase }) => phase === 'loading') ? { stream } : undefined;
      case 'leaves':
        return stream === 0 && this.idleEnded() !== undefined ? { stream } : undefined;
      case 'connectionEnds':
        return stream === 0 && !this.isDraining ? { stream } : undefined;
      case 'returns':
      case 'throws':
      case 'sends':
        return handled;
      case 'takes': {
        const mayTake =
          live !== undefined && (live.state === 'OPEN' || live.state === 'HALF') && live.input > 0;
        return mayTake && !live.inputEnded ? handled : undefined;
      }
      case 'settles':
      case 'exits':
      case 'vanishes':
        return anyJob;
      case 'revoked': {
        const ended = this.running.find(
          (of) => of.stream === stream && of.worker?.phase === 'ended' && !of.worker.isRevoked,
        );
        return ended?.job === undefined ? undefined : { stream, job: ended.job };
      }
      case 'grace':
      case 'deadline': {
        const timer = this.timers.findIndex(({ kind, of }) => kind === name && of.stream === stream);
        return timer < 0 ? undefined : { stream, timer };
      }
    }
  }

  /** A worker that is to be ended and runs nothing. */
  idleEnded(): ModelWorker | undefined {
    return this.workers.find(({ phase, jobs }) => phase === 'ended' && jobs.length === 0);
  }
}

/** A thread that has just taken its slot. */
export function newWorker(phase: ModelWorker['phase']): ModelWorker {
  return { phase, isRevoked: false, jobs: [] };
}
