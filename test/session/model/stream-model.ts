import type { ErrorCode } from '../../../src/errors.ts';
import { isHostEvent, WORLD, type HostEventName, type StreamEvent } from './stream-events.ts';
import { ModelState, newWorker, type Incarnation, type ModelWorker } from './stream-model-state.ts';
import type { ORACLE_HOST_EVENTS } from '../../support/stream-oracle.ts';
import { cellOf, type Cell, type OracleEvent, type OracleState } from '../../support/stream-oracle.ts';
import type { Target, WorldShape } from './stream-world.ts';

const MAX_BALANCE = 0x7fff_ffff;

/** What the table calls a host's frame; the rest is named the same. */
const HOST_EVENT_IN_TABLE: Readonly<Record<HostEventName, (typeof ORACLE_HOST_EVENTS)[number]>> = {
  open: 'open',
  openUnknownMethod: 'open',
  openTooMuchCredit: 'open',
  openTooLate: 'open',
  openLargeContext: 'open',
  data: 'data',
  dataTooLarge: 'dataBeyondCredit',
  credit: 'credit',
  creditZero: 'credit',
  creditTooMuch: 'creditBeyondBound',
  close: 'close',
  cancel: 'cancel',
  error: 'error',
  unknownArm: 'malformed',
  garbage: 'malformed',
  emptyFrame: 'malformed',
  otherId: 'malformed',
};

/**
 * The second opinion on everything that main does for streams: the protocol's table, a queue, and slots.
 *
 * Written from the protocol's pages. It knows no code of src/, and says for each event which frames leave the module and
 * which operations reach a worker, in order.
 */
export class StreamModel extends ModelState {
  readonly #shape: WorldShape;
  readonly #cells: Map<string, number> | undefined;
  /** What the next event brought; emptied by the caller. */
  readonly frames: string[] = [];
  readonly ops: string[] = [];
  lateFrames = 0;
  #jobs = 0;

  /** @param cells counts how often each cell of the table was used */
  constructor(shape: WorldShape, cells?: Map<string, number>) {
    super(shape);
    this.#shape = shape;
    this.#cells = cells;
  }

  act({ name, stream }: StreamEvent, { job, timer = -1 }: Target): void {
    if (isHostEvent(name)) return this.#onHost(name, stream);
    const incarnation = this.running.find((of) => of.job === job);
    switch (name) {
      case 'ready':
        return this.#onReady();
      case 'returns':
        return this.#onEnd(incarnation, undefined);
      case 'throws':
        return this.#onEnd(incarnation, 'handlerFailed');
      case 'sends':
        return this.#onSend(incarnation);
      case 'takes':
        if (incarnation === undefined) return;
        incarnation.input--;
        incarnation.receiveBalance += WORLD.dataCost;
        this.frames.push(`worker ${stream} credit ${WORLD.dataCost}`);
        return;
      case 'settles':
        if (incarnation === undefined) return;
        this.#apply(incarnation, 'settled');
        this.#forgetJob(incarnation);
        return this.#place();
      case 'exits':
        this.#onRevoked(incarnation?.worker);
        return this.#onExit(incarnation?.worker);
      case 'vanishes':
        return this.#onExit(incarnation?.worker);
      case 'revoked':
        return this.#onRevoked(incarnation?.worker);
      case 'leaves':
        return this.#onExit(this.idleEnded());
      case 'grace':
      case 'deadline': {
        const [fired] = this.timers.splice(timer, 1);
        if (fired !== undefined) this.#apply(fired.of, name === 'grace' ? 'graceOver' : 'deadline');
        return;
      }
      case 'connectionEnds':
        this.isDraining = true;
        for (const of of [...this.queue, ...this.running]) this.#apply(of, 'connectionEnds');
        return;
    }
  }

  #onHost(name: HostEventName, stream: number): void {
    const live = this.live[stream];
    if (live === undefined) return this.#onHostWithoutStream(name, stream);
    // A grant of nothing is ignored and counted, whatever the state.
    if (name === 'creditZero') {
      this.lateFrames++;
      return;
    }
    let event = HOST_EVENT_IN_TABLE[name];
    if (event === 'data' && live.receiveBalance <= 0) event = 'dataBeyondCredit';
    if (event === 'credit' && live.sendBalance + WORLD.grant > MAX_BALANCE) event = 'creditBeyondBound';
    this.#apply(live, event);
  }

  #onHostWithoutStream(name: HostEventName, stream: number): void {
    const lingers = this.running.some((of) => of.stream === stream);
    const cell = this.#use(lingers ? 'LINGER' : 'ABSENT', HOST_EVENT_IN_TABLE[name]);
    if (cell.action === 'count') this.lateFrames++;
    else if (cell.action === 'stray') this.frames.push(`main ${stream} error ${cell.code}`);
    else if (cell.action === 'admit') this.#onOpen(name, stream);
    else throw new Error(`no stream can ${cell.action}`);
  }

  /** The checks of an Open, in the protocol's order. */
  #onOpen(name: HostEventName, stream: number): void {
    const refuse = (code: ErrorCode): void => void this.frames.push(`main ${stream} error ${code}`);
    if (this.isDraining) return refuse('unavailable');
    if (name === 'openLargeContext') return refuse('invalidArgument');
    if (name === 'openTooMuchCredit') return refuse('flowControlViolation');
    const refusal =
      name === 'openUnknownMethod'
        ? 'methodNotFound'
        : name === 'openTooLate'
          ? 'deadlineExceeded'
          : undefined;
    if (this.hasManifest && refusal !== undefined) return refuse(refusal);
    const incarnation: Incarnation = {
      stream,
      state: 'QUEUED',
      cause: undefined,
      refusal,
      job: undefined,
      worker: undefined,
      receiveBalance: WORLD.receiveWindow,
      sendBalance: WORLD.initialCredit,
      input: 0,
      inputEnded: false,
    };
    this.live[stream] = incarnation;
    this.queue.push(incarnation);
    // A deadline that has passed is a check, and waits with the others for the manifest.
    if (name !== 'openTooLate') this.timers.push({ kind: 'deadline', of: incarnation });
    this.#place();
    // Slots whose thread still loads don't make a queue of what will run on them.
    const missing = this.#shape.workers - this.workers.filter(({ phase }) => phase === 'ready').length;
    if (this.queue.length <= this.#shape.maxQueue + missing * this.#shape.streamsPerWorker) return;
    this.#leave(incarnation);
    refuse('resourceExhausted');
  }

  #onReady(): void {
    const worker = this.workers.find(({ phase }) => phase === 'loading');
    if (worker === undefined) return;
    worker.phase = 'ready';
    if (!this.hasManifest) {
      this.hasManifest = true;
      for (const waiting of [...this.queue]) {
        if (waiting.refusal === undefined) continue;
        this.#leave(waiting);
        this.frames.push(`main ${waiting.stream} error ${waiting.refusal}`);
      }
    }
    this.#place();
  }

  /** First come, first served: who is first and finds no slot holds the others back. */
  #place(): void {
    if (!this.hasManifest) return;
    for (;;) {
      const first = this.queue[0];
      const worker = this.workers
        .filter(({ phase, jobs }) => phase === 'ready' && jobs.length < this.#shape.streamsPerWorker)
        .reduce<ModelWorker | undefined>(
          (best, candidate) =>
            best === undefined || candidate.jobs.length < best.jobs.length ? candidate : best,
          undefined,
        );
      if (first === undefined || worker === undefined) return;
      this.queue.shift();
      worker.jobs.push(first);
      first.worker = worker;
      first.job = ++this.#jobs;
      this.running.push(first);
      this.#apply(first, 'dispatched');
      this.ops.push(`task ${first.job} ${first.stream}`);
      for (let i = 0; i < first.input; i++) this.ops.push(`data ${first.job} ${WORLD.dataBytes}`);
      if (first.state === 'HALF') this.ops.push(`end ${first.job}`);
    }
  }

  #onEnd(incarnation: Incarnation | undefined, own: ErrorCode | undefined): void {
    if (incarnation === undefined) return;
    const code = incarnation.cause ?? own;
    this.frames.push(`worker ${incarnation.stream} ${code === undefined ? 'close' : `error ${code}`}`);
    this.#apply(incarnation, 'terminalCommitted');
  }

  #onSend(incarnation: Incarnation | undefined): void {
    if (incarnation === undefined || incarnation.state === 'ENDING' || incarnation.sendBalance <= 0) return;
    incarnation.sendBalance -= WORLD.dataCost;
    this.frames.push(`worker ${incarnation.stream} data`);
  }

  #onRevoked(worker: ModelWorker | undefined): void {
    if (worker === undefined || worker.isRevoked) return;
    worker.phase = 'ended';
    worker.isRevoked = true;
    for (const incarnation of [...worker.jobs]) this.#apply(incarnation, 'revoked');
  }

  #onExit(worker: ModelWorker | undefined): void {
    if (worker === undefined) return;
    for (const incarnation of [...worker.jobs]) {
      this.#apply(incarnation, 'workerExited');
      this.#forgetJob(incarnation);
    }
    this.workers.splice(this.workers.indexOf(worker), 1);
    // Its slot goes to a new thread.
    this.workers.push(newWorker('loading'));
    this.#place();
  }

  /** Does what the table's cell says. */
  #apply(of: Incarnation, event: OracleEvent): void {
    const from = of.state;
    const cell = this.#use(from, event);
    const code = cell.code === 'cause' ? of.cause : cell.code;
    of.state = cell.next;
    switch (cell.action) {
      case 'count':
        this.lateFrames++;
        break;
      case 'end':
      case 'linger':
        this.frames.push(`main ${of.stream} error ${code}`);
        if (from === 'QUEUED' || from === 'QUEUED_HALF') this.#leave(of);
        break;
      case 'stop':
        of.cause = code;
        this.ops.push(`stop ${of.job}`);
        this.timers.push({ kind: 'grace', of });
        break;
      case 'deliver':
        this.ops.push(`data ${of.job} ${WORLD.dataBytes}`);
        break;
      case 'eof':
        of.inputEnded = true;
        if (of.job !== undefined) this.ops.push(`end ${of.job}`);
        break;
      case 'add':
        of.sendBalance += WORLD.grant;
        if (of.job !== undefined) this.ops.push(`credit ${of.job}`);
        break;
      case 'kill':
        if (of.worker?.phase !== 'ready') break;
        of.worker.phase = 'ended';
        this.ops.push('the worker is to be ended');
        break;
      case 'admit':
      case 'stray':
        throw new Error(`${event} of a stream that is there can't ${cell.action}`);
      case 'hold':
      case 'ignore':
      case '-':
      case 'start':
      case 'latch':
      case 'free':
        break;
    }
    if (cell.action === 'deliver' || cell.action === 'hold') {
      of.input++;
      of.receiveBalance -= WORLD.dataCost;
    }
    if ((of.state === 'ABSENT' || of.state === 'LINGER') && this.live[of.stream] === of) {
      this.live[of.stream] = undefined;
    }
  }

  #leave(of: Incarnation): void {
    this.queue.splice(this.queue.indexOf(of), 1);
    this.#dropTimers(of);
    of.state = 'ABSENT';
    if (this.live[of.stream] === of) this.live[of.stream] = undefined;
  }

  #forgetJob(of: Incarnation): void {
    this.running.splice(this.running.indexOf(of), 1);
    of.worker?.jobs.splice(of.worker.jobs.indexOf(of), 1);
    this.#dropTimers(of);
  }

  #dropTimers(of: Incarnation): void {
    for (let i = this.timers.length - 1; i >= 0; i--) if (this.timers[i]?.of === of) this.timers.splice(i, 1);
  }

  #use(state: OracleState, event: OracleEvent): Cell {
    const cell = cellOf(state, event);
    this.#cells?.set(cell.name, (this.#cells.get(cell.name) ?? 0) + 1);
    return cell;
  }
}
