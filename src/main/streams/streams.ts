import { dataCost } from '../../wire/flow-limits.ts';
import { ABSENT, isLive, onHostEvent, onModuleEvent, type ModuleEvent, type Step } from './stream-state.ts';
import { cutUtf8 } from '../../base/text.ts';
import { OP } from '../../threads/messages.ts';
import { FRAME_ARM, type Frame } from '../../wire/frame.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import type { MalformedError } from '../../wire/capnp/malformed.ts';
import { StreamTable } from '../../wire/stream-table.ts';
import { streamIdWords, type StreamId } from '../../wire/stream-id.ts';
import { admit, noWorker, refusalBeforeHandler, type Refusal } from '../calls/admission.ts';
import { classify, reasonFor } from './classify-frame.ts';
import type { ServeOptions } from '../options.ts';
import type { Outlet } from '../output/outlet.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import { concurrencyReason, inputRefusal, MethodLimits, timeoutReason } from '../calls/method-limits.ts';
import { RunningJobs } from '../calls/running-jobs.ts';
import type { Assignment, CallQueue, Waiting } from '../calls/scheduler.ts';
import { StreamEntry } from './stream-entry.ts';
import { StreamFigures, unopened, type RefusedCall } from './stream-figures.ts';
import { ProgressFrames, type ProgressHost } from './progress-frames.ts';
import { WaitingCalls } from '../calls/waiting-calls.ts';
import { Deadline } from '../../base/clock.ts';
import type { Manifest, ManifestRun } from '../../threads/manifest.ts';

/** The part of main that runs what the streams ask for. */
export interface StreamsHost extends ProgressHost {
  readonly options: ServeOptions;
  readonly scheduler: CallQueue<StreamEntry>;
  /**
   * Main's way out. A terminal frame goes behind the rings, because an earlier stream with the same id may still have frames in one.
   */
  readonly outlet: Pick<Outlet, 'sendBehindRings' | 'sendLate'>;
  /** Hands the stream to its worker, after `onInit` and the key-value changes that came before the Open. */
  startStream(assignment: Assignment, entry: StreamEntry): void;
  /** Ends a worker whose handler did not end in time. */
  endWorker(worker: PoolWorker): void;
  /** Why no call can be taken: no worker could be had for a while. `undefined`: calls may wait. */
  unavailable(): string | undefined;
}

/**
 * Routes every frame to its stream and keeps each stream's state; the handlers themselves live on workers.
 *
 * `stream-state.ts` decides how the state of a live stream changes. This class does what follows: it queues the stream, posts to
 * its worker, or sends a terminal frame. An id that is not live has no state to change: an Open is checked, a malformed frame is
 * answered, and the rest is counted.
 */
export class Streams {
  readonly #host: StreamsHost;
  readonly figures: StreamFigures;
  readonly progress: ProgressFrames;
  readonly #table = new StreamTable<StreamEntry>();
  readonly #queued: WaitingCalls<StreamEntry>;
  /** Streams whose handler runs, also those whose id is free again. */
  readonly #running: RunningJobs<StreamEntry>;
  readonly #limits = new MethodLimits<Waiting>();
  #manifest: Manifest | undefined;
  #isDraining = false;
  /** Frames that were ignored: for ids that were not live, and grants of nothing. */
  lateFrames = 0;

  constructor(host: StreamsHost) {
    this.#host = host;
    this.figures = new StreamFigures(host.clock);
    this.progress = new ProgressFrames(host);
    this.#queued = new WaitingCalls(host);
    this.#running = new RunningJobs(host);
  }

  /** Streams that are live or whose handler runs on. */
  get openCount(): number {
    return this.#running.size + this.#queued.size;
  }

  get queuedCount(): number {
    return this.#queued.size;
  }

  /** A sound frame whose id is that of its envelope. @param isOwn whether `bytes` is its message alone, and may be kept */
  onFrame(frame: Frame, bytes: Uint8Array, isOwn = false): void {
    const entry = this.#live(this.#table.find(frame));
    if (entry === undefined) {
      if (frame.arm === FRAME_ARM.open) return this.#open(frame, bytes);
      // A late frame must be as sound as one for a live id, so read its text: this throws if it is malformed.
      if (frame.arm === FRAME_ARM.cancel) frame.cancelReason();
      else if (frame.arm === FRAME_ARM.error) frame.error();
      this.lateFrames++;
      return;
    }
    if (frame.arm === FRAME_ARM.credit && frame.credit === 0) {
      this.lateFrames++;
      return;
    }
    const event = classify(frame, entry);
    const step = onHostEvent(entry.state, event);
    switch (step.effect.do) {
      case 'deliverData':
        return this.#deliver(entry, bytes, frame, isOwn);
      case 'addCredit':
        return entry.addCredit(frame.credit);
      default: {
        // Reading the reason may find the frame malformed: that must come before any state changes.
        const reason = cutUtf8(reasonFor(event, frame), this.#host.options.maxErrorMessageBytes);
        entry.state = step.next;
        this.#apply(entry, step, reason);
      }
    }
  }

  /** A frame that can't be understood, for the id of its envelope. */
  onMalformed(id: StreamId, why: MalformedError): void {
    const entry = this.#live(this.#table.get(id));
    if (entry === undefined) {
      const [id0, id1, id2, id3] = streamIdWords(id);
      return this.#refuse({ id0, id1, id2, id3 }, { code: 'protocolViolation', message: why.message });
    }
    const step = onHostEvent(entry.state, 'malformed');
    entry.state = step.next;
    this.#apply(entry, step, why.message);
  }

  /** The first worker has loaded: opens that came before it can be checked. */
  onManifest(manifest: Manifest): void {
    this.#manifest = manifest;
    for (const entry of this.#queued.takeUnchecked()) {
      const verdict = admit(manifest, entry.context, this.#host.clock.now());
      if ('code' in verdict) this.#terminate(entry, verdict);
      else {
        this.#admitted(entry, verdict.run);
        const tooMuch = inputRefusal(entry.run, entry.inputBytes);
        if (tooMuch !== undefined) this.#terminate(entry, { code: 'resourceExhausted', message: tooMuch });
        else this.#queued.submit(entry);
      }
    }
  }

  /** No new opens from here on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Whether no stream is live that a worker runs, or that waits for one. */
  get isIdle(): boolean {
    return this.#running.isIdle && this.#queued.size === 0;
  }

  /** The drain time is over, or the host is gone: everything is cancelled. */
  cancelAll(reason: string): void {
    for (const entry of [...this.#queued, ...this.#running]) {
      this.#live(entry);
      this.#onModule(entry, 'connectionEnds', reason);
    }
  }

  /** Main has failed, and nothing starts any more. @param why for the host */
  failWaiting(why: string): void {
    for (const entry of [...this.#queued]) this.#terminate(entry, { code: 'internal', message: why });
  }

  /** Main has failed, and the worker can't write any more. @param why for the host */
  failOn(worker: PoolWorker, why: string): void {
    for (const entry of this.#running.on(worker)) this.#end(entry, 'settled', why);
  }

  /** A worker has room for it. */
  start(entry: StreamEntry, assignment: Assignment): void {
    this.#queued.remove(entry);
    const running = this.#running.start(entry, assignment);
    this.figures.started(entry, assignment.worker.slotNumber);
    assignment.control.reset(entry.queuedCredit);
    this.#onModule(entry, 'dispatched', '');
    this.#host.startStream(assignment, entry);
    entry.dropOpen(this.figures.hasListeners);
    entry.giveHeld(running);
    this.#armTimeout(entry);
  }

  #admitted(entry: StreamEntry, run: ManifestRun): void {
    entry.run = run;
    entry.limit = this.#limits.of(run);
  }

  /** The time of the method counts from here. */
  #armTimeout(entry: StreamEntry): void {
    const { timeoutMs } = entry.run;
    if (timeoutMs === undefined) return;
    entry.cancelTimeout = this.#host.clock.after(timeoutMs, () => {
      this.#live(entry);
      this.#onModule(entry, 'deadline', timeoutReason(entry.run));
    });
  }

  /** No worker could be had for a while: nothing waits on. @param why for a person */
  refuseWaiting(why: string): void {
    for (const entry of [...this.#queued]) this.#terminate(entry, noWorker(why));
  }

  /** The handler of a job has a progress value for the host. @param memory where the value is, if main doesn't know it yet */
  onProgress(jobId: number, memory: SharedArrayBuffer | undefined): void {
    const entry = this.#running.get(jobId);
    if (entry !== undefined) this.progress.onValue(entry, memory);
  }

  /** The handler of a job has ended. */
  onSettled(jobId: number): void {
    const entry = this.#running.get(jobId);
    if (entry !== undefined) this.#end(entry, 'settled', 'the handler ended without ending its stream');
  }

  /** The worker can't write any more, so main sends the terminal frames that its streams still owe. @param how for a person */
  onRevoked(worker: PoolWorker, how: string): void {
    for (const entry of this.#running.on(worker)) {
      this.#live(entry);
      const reason = entry.state.kind === 'ending' ? (entry.running?.stopReason ?? '') : how;
      this.#onModule(entry, 'revoked', reason);
    }
  }

  /** The thread is gone, and with it every handler on it. */
  onWorkerExit(worker: PoolWorker, how: string): void {
    for (const entry of this.#running.on(worker)) this.#end(entry, 'workerExited', how);
  }

  #end(entry: StreamEntry, event: ModuleEvent, message: string): void {
    this.#live(entry);
    this.#onModule(entry, event, message);
    this.figures.settled(entry);
    this.progress.end(entry);
    entry.deadline?.cancel();
    entry.cancelTimeout();
    this.#running.end(entry);
  }

  #open(frame: Frame, bytes: Uint8Array): void {
    const { options, clock } = this.#host;
    const { context, initialCredit } = frame.openHead(options.maxContextBytes);
    const { contextBytes, metadataEntries, deadlineUnixMs } = context;
    // Read the clock once, so that a deadline that admit() accepts is also in the future for the timer below.
    const now = clock.now();
    const verdict =
      refusalBeforeHandler(this.#isDraining, { contextBytes, metadataEntries, initialCredit }, options) ??
      (this.#manifest === undefined ? undefined : admit(this.#manifest, context, now));
    const entry = new StreamEntry(frame, bytes, options.receiveWindow, initialCredit);
    // An oversized context is never decoded, not even for the event.
    if (contextBytes > options.maxContextBytes) entry.dropOpen(false);
    if (verdict !== undefined && 'code' in verdict) return this.#refuse(unopened(entry), verdict);
    const why = this.#host.unavailable();
    if (why !== undefined) return this.#refuse(unopened(entry), noWorker(why));
    entry.shedRest(contextBytes);
    if (verdict !== undefined) this.#admitted(entry, verdict.run);
    const assignment = verdict && this.#host.scheduler.tryPlace(entry);
    if (assignment === undefined && this.#queued.size >= this.#queueRoom()) return this.#refuseFull(entry);
    this.#table.add(entry);
    // A deadline that is already over is not armed: onManifest reports it, after methodNotFound, which takes precedence.
    if (deadlineUnixMs > now) {
      entry.deadline = new Deadline(clock, deadlineUnixMs, () => {
        this.#live(entry);
        this.#onModule(entry, 'deadline', 'the deadline has passed');
      });
    }
    if (assignment !== undefined) return this.start(entry, assignment);
    if (verdict === undefined) this.#queued.addUnchecked(entry);
    else this.#queued.submit(entry);
    this.#queued.addHeld(entry, entry.keepOpen());
    this.figures.opened(entry, this.#queued.size);
    if (this.#holdsTooMuch) this.#refuseHolder(entry);
  }

  /** How many opens may wait. What workers that are still loading will run at once waits beside what is queued. */
  #queueRoom(): number {
    const { options, scheduler } = this.#host;
    return options.maxQueue + Math.max(0, options.workers - scheduler.ready) * options.streamsPerWorker;
  }

  #refuseFull(entry: StreamEntry): void {
    const message =
      entry.limit?.isReached === true
        ? concurrencyReason(entry.limit)
        : `the queue is full: ${this.#queued.size} opens wait for ${this.#host.options.workers} workers`;
    this.#refuse(unopened(entry), { code: 'resourceExhausted', message });
  }

  /** The entry if its id is still live: a terminal frame of the worker may have ended it since main last looked. */
  #live(entry: StreamEntry | undefined): StreamEntry | undefined {
    if (entry === undefined || !entry.terminalCommitted) return entry;
    if (isLive(entry.state)) this.figures.ended(entry);
    this.#onModule(entry, 'terminalCommitted', '');
    return undefined;
  }

  #deliver(entry: StreamEntry, bytes: Uint8Array, frame: Frame, isOwn: boolean): void {
    const { dataStart: start, dataEnd: end } = frame;
    entry.inputBytes += end - start;
    const tooMuch = inputRefusal(entry.run, entry.inputBytes);
    if (tooMuch !== undefined) return this.#onModule(entry, 'inputBeyondLimit', tooMuch);
    if (entry.running !== undefined) {
      if (isOwn) return entry.running.give(OP.data, bytes, start, end);
      return entry.running.post(OP.data, bytes, start, end);
    }
    entry.hold(bytes, start, end);
    this.#queued.addHeld(entry, dataCost(end - start));
    while (this.#holdsTooMuch) {
      // Those that hold their Open alone would give little room.
      this.#refuseHolder([...this.#queued].reverse().find(({ held }) => held !== undefined) ?? entry);
    }
  }

  get #holdsTooMuch(): boolean {
    return this.#queued.heldBytes > this.#host.options.maxHeldBytes;
  }

  #refuseHolder(entry: StreamEntry): void {
    const message = `queued streams hold ${this.#queued.heldBytes} bytes of input; the newest is refused`;
    this.#terminate(entry, { code: 'resourceExhausted', message });
  }

  #onModule(entry: StreamEntry, event: ModuleEvent, reason: string): void {
    const step = onModuleEvent(entry.state, event);
    entry.state = step.next;
    this.#apply(entry, step, reason);
  }

  /** Carries out the effect of a transition, apart from delivering input and credit. */
  #apply(entry: StreamEntry, step: Step, reason: string): void {
    const { effect } = step;
    switch (effect.do) {
      case 'countLate':
        this.lateFrames++;
        break;
      case 'deliverEnd':
        entry.running?.post(OP.end);
        break;
      case 'stop':
        this.figures.stopped(entry, effect.cause, reason);
        entry.running?.stop(effect.cause, reason, this.#host.options.cancelGraceMs, () => {
          this.#live(entry);
          this.#onModule(entry, 'graceOver', reason);
        });
        break;
      case 'terminate':
        if (entry.running === undefined) {
          this.figures.stopped(entry, effect.cause, reason);
          this.#withdraw(entry);
        }
        this.#refuse(entry, { code: effect.cause, message: reason });
        break;
      case 'endWorker':
        if (entry.running !== undefined) this.#host.endWorker(entry.running.assignment.worker);
        break;
      case 'nothing':
      case 'admit':
      case 'answerStray':
      case 'deliverData':
      case 'addCredit':
        break;
    }
    if (!isLive(entry.state)) this.#table.delete(entry);
  }

  #withdraw(entry: StreamEntry): void {
    this.#queued.withdraw(entry);
    entry.deadline?.cancel();
    entry.held = undefined;
  }

  #forget(entry: StreamEntry): void {
    this.#withdraw(entry);
    entry.state = ABSENT;
    this.#table.delete(entry);
  }

  #terminate(entry: StreamEntry, refusal: Refusal): void {
    this.#forget(entry);
    this.#refuse(entry, refusal);
  }

  #refuse(call: RefusedCall, refusal: Refusal): void {
    const message = cutUtf8(refusal.message, this.#host.options.maxErrorMessageBytes);
    this.#host.outlet.sendBehindRings(new FrameEncoder(call).error({ ...refusal, message }));
    this.figures.refused(call, { ...refusal, message });
  }
}
