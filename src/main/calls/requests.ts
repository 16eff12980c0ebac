import type { ErrorCode } from '../../errors.ts';
import type { HandlerMode } from '../../module.ts';
import { decodeHandleRequest } from '../../wire/payload-decode.ts';
import { NO_BYTES, padToWord } from '../../wire/capnp/bytes.ts';
import { encodeHandleResponse } from '../../wire/payload-encode.ts';
import type { InvocationContext } from '../../wire/context.ts';
import { envelopeHeaderBytes } from '../../wire/envelope.ts';
import { deadlinePassed, noWorker } from './admission.ts';
import type { ServeOptions } from '../options.ts';
import type { Answers } from '../output/answers.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import {
  concurrencyReason,
  inputRefusal,
  MethodLimits,
  timeoutReason,
  type RunLimit,
} from './method-limits.ts';
import { RunningJobs, type RunningJob } from './running-jobs.ts';
import type { Assignment, CallQueue, Waiting } from './scheduler.ts';
import { WaitingCalls, type WaitingCall } from './waiting-calls.ts';
import { Deadline, type Clock } from '../../base/clock.ts';
import { requestRun, type Manifest, type ManifestRun } from '../../threads/manifest.ts';

/** The part of main that runs the requests. */
export interface RequestsHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  readonly scheduler: CallQueue<RequestEntry>;
  /** Hands the request to its worker, after `onInit` and the key-value changes that came before it. */
  startRequest(assignment: Assignment, request: RequestEntry): void;
  endWorker(worker: PoolWorker): void;
  /** Why no call can be taken: no worker could be had for a while. `undefined`: calls may wait. */
  unavailable(): string | undefined;
}

/** One unary request, from its arrival until its handler has really ended. */
export class RequestEntry implements WaitingCall {
  readonly kind = 'request';
  mode: HandlerMode = 'sync';
  /** The limits of its method, if the module names it. */
  run: ManifestRun | undefined;
  limit: RunLimit<Waiting> | undefined;
  cancelTimeout: () => void = () => {};
  running: RunningJob | undefined;
  deadline: Deadline | undefined;
  /** The cause that ended it before its handler did. */
  cause: ErrorCode | undefined;
  isAnswered = false;
  readonly requestId: string;
  readonly context: InvocationContext;
  /** Until a worker has it. */
  body: Uint8Array;
  heldBytes: number;

  constructor(
    requestId: string,
    { context, contextBytes, body }: { context: InvocationContext; contextBytes: number; body: Uint8Array },
  ) {
    this.requestId = requestId;
    this.context = context;
    this.body = body;
    this.heldBytes = contextBytes + body.length;
  }

  expire(): boolean {
    return this.deadline?.expire() ?? false;
  }
}

/** The `handle` requests: they wait for workers, run and are stopped like streams, and get one answer each. */
export class Requests {
  readonly #host: RequestsHost;
  readonly #answers: Answers;
  readonly #waiting: WaitingCalls<RequestEntry>;
  readonly #running: RunningJobs<RequestEntry>;
  readonly #limits = new MethodLimits<Waiting>();
  #manifest: Manifest | undefined;
  #isDraining = false;

  constructor(host: RequestsHost, answers: Answers) {
    this.#host = host;
    this.#answers = answers;
    this.#waiting = new WaitingCalls(host);
    this.#running = new RunningJobs(host);
  }

  get isIdle(): boolean {
    return this.#running.isIdle && this.#waiting.size === 0;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** @throws MalformedError for a payload that is no HandleRequest */
  onHandle(requestId: string, payload: Uint8Array): void {
    const { options, clock } = this.#host;
    const { context, contextBytes, body } = decodeHandleRequest(payload, options.maxContextBytes);
    if (this.#isDraining)
      return this.#answers.refuse(requestId, 'unavailable', 'the module is shutting down');
    if (contextBytes > options.maxContextBytes || context.metadata.length > options.maxMetadataEntries) {
      const message =
        `the InvocationContext has ${contextBytes} bytes and ${context.metadata.length} metadata entries, ` +
        `the limits are ${options.maxContextBytes} and ${options.maxMetadataEntries}`;
      return this.#answers.refuse(requestId, 'invalidArgument', message);
    }
    // The payload lies in the read buffer, which is used again.
    const entry = new RequestEntry(requestId, { context, contextBytes, body: body.slice() });
    if (context.deadlineUnixMs !== 0) {
      const passed = deadlinePassed(context, clock.now());
      if (passed !== undefined) return this.#answers.refuse(requestId, passed.code, passed.message);
      entry.deadline = new Deadline(clock, context.deadlineUnixMs, () =>
        this.#stop(entry, 'deadlineExceeded', 'the deadline has passed'),
      );
    }
    const manifest = this.#manifest;
    if (manifest !== undefined && !this.#admit(entry, manifest)) return;
    const why = this.#host.unavailable();
    if (why !== undefined) return this.#refuseNoWorker(entry, why);
    const assignment = manifest && this.#host.scheduler.tryPlace(entry);
    if (assignment !== undefined) return this.start(entry, assignment);
    const { size, heldBytes } = this.#waiting;
    if (size >= options.maxWaiting || heldBytes + entry.heldBytes > options.maxWaitingBytes) {
      const message =
        entry.limit?.isReached === true
          ? concurrencyReason(entry.limit)
          : `too many requests wait for a worker: ${size} requests with ${heldBytes} bytes wait already`;
      return this.#finish(entry, 'resourceExhausted', message);
    }
    if (manifest === undefined) this.#waiting.addUnchecked(entry);
    else this.#waiting.submit(entry);
  }

  onManifest(manifest: Manifest): void {
    this.#manifest = manifest;
    for (const entry of this.#waiting.takeUnchecked()) {
      if (this.#admit(entry, manifest)) this.#waiting.submit(entry);
      else this.#waiting.withdraw(entry);
    }
  }

  /** A worker has room for it. */
  start(entry: RequestEntry, assignment: Assignment): void {
    this.#waiting.remove(entry);
    this.#running.start(entry, assignment);
    assignment.control.reset(0);
    this.#host.startRequest(assignment, entry);
    entry.body = NO_BYTES;
    const { run } = entry;
    if (run?.timeoutMs === undefined) return;
    entry.cancelTimeout = this.#host.clock.after(run.timeoutMs, () =>
      this.#stop(entry, 'deadlineExceeded', timeoutReason(run)),
    );
  }

  /** No worker could be had for a while: nothing waits on. @param why for a person */
  refuseWaiting(why: string): void {
    for (const entry of [...this.#waiting]) this.#refuseNoWorker(entry, why);
  }

  /** A worker's answer, to whatever job. */
  onAnswer(jobId: number, ok: boolean, payload: Uint8Array): void {
    const entry = this.#running.get(jobId);
    if (entry === undefined || entry.isAnswered) return;
    if (entry.cause !== undefined) return this.#finish(entry, entry.cause, entry.running?.stopReason ?? '');
    const { maxMessageBytes } = this.#host.options;
    const answerBytes = responseBytes(entry.requestId, payload.length);
    if (answerBytes > maxMessageBytes) {
      return this.#finish(
        entry,
        'resourceExhausted',
        `the result has ${payload.length} bytes; as a message it has ${answerBytes}, the limit is ${maxMessageBytes}`,
      );
    }
    entry.isAnswered = true;
    this.#answers.send(entry.requestId, ok, ok ? encodeHandleResponse({ body: payload }) : payload);
  }

  onSettled(jobId: number): void {
    const entry = this.#running.get(jobId);
    if (entry !== undefined) this.#end(entry, 'internal', 'the handler ended without an answer');
  }

  onRevoked(worker: PoolWorker, how: string): void {
    for (const entry of this.#running.on(worker)) this.#finish(entry, 'workerCrashed', how);
  }

  onWorkerExit(worker: PoolWorker, how: string): void {
    for (const entry of this.#running.on(worker)) this.#end(entry, 'workerCrashed', how);
  }

  cancelAll(reason: string): void {
    for (const entry of [...this.#waiting, ...this.#running]) this.#stop(entry, 'cancelled', reason);
  }

  /** Main has failed, and nothing starts any more. @param why for the host */
  failWaiting(why: string): void {
    for (const entry of [...this.#waiting]) {
      this.#waiting.withdraw(entry);
      this.#finish(entry, 'internal', why);
    }
  }

  /** Main has failed, and the worker can't answer any more. @param why for the host */
  failOn(worker: PoolWorker, why: string): void {
    for (const entry of this.#running.on(worker)) this.#end(entry, 'internal', why);
  }

  /** Checks a request against what the module has; answers it if the module has no handler. @returns whether it may start */
  #admit(entry: RequestEntry, manifest: Manifest): boolean {
    if (manifest.handle === undefined) {
      this.#finish(entry, 'unimplemented', `the module ${manifest.name} handles no unary requests`);
      return false;
    }
    const run = requestRun(manifest, entry.context.method);
    entry.mode = run?.mode ?? manifest.handle;
    if (run === undefined) return true;
    entry.run = run;
    entry.limit = this.#limits.of(run);
    const tooMuch = inputRefusal(run, entry.body.length);
    if (tooMuch !== undefined) this.#finish(entry, 'resourceExhausted', tooMuch);
    return tooMuch === undefined;
  }

  #refuseNoWorker(entry: RequestEntry, why: string): void {
    this.#waiting.withdraw(entry);
    const { code, message } = noWorker(why);
    this.#finish(entry, code, message);
  }

  #stop(entry: RequestEntry, cause: ErrorCode, reason: string): void {
    if (entry.isAnswered || entry.cause !== undefined) return;
    entry.cause = cause;
    const { running } = entry;
    if (running === undefined) {
      this.#waiting.withdraw(entry);
      return this.#finish(entry, cause, reason);
    }
    running.stop(cause, reason, this.#host.options.cancelGraceMs, () => {
      if (!entry.isAnswered) this.#host.endWorker(running.assignment.worker);
    });
  }

  #end(entry: RequestEntry, code: ErrorCode, message: string): void {
    this.#finish(entry, code, message);
    this.#running.end(entry);
  }

  /** Sends the one answer, if it is still owed; a decided cause wins. */
  #finish(entry: RequestEntry, code: ErrorCode, message: string): void {
    entry.deadline?.cancel();
    entry.cancelTimeout();
    if (entry.isAnswered) return;
    entry.isAnswered = true;
    const reason = entry.cause === undefined ? message : (entry.running?.stopReason ?? message);
    this.#answers.refuse(entry.requestId, entry.cause ?? code, reason);
  }
}

/** The nested message around a HandleResponse's body: segment table, root pointer, and the body's pointer. */
const HANDLE_RESPONSE_BYTES = 24;

/** Bytes of the whole message that answers a request with a body of so many bytes. */
function responseBytes(requestId: string, bodyBytes: number): number {
  return envelopeHeaderBytes(Buffer.byteLength(requestId)) + HANDLE_RESPONSE_BYTES + padToWord(bodyBytes);
}
