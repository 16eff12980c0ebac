import type { ErrorCode } from '../errors.ts';
import type { HandlerMode } from '../module.ts';
import type { Manifest } from '../thread-messages.ts';
import { decodeHandleRequest } from '../wire/cold-decode.ts';
import { cutUtf8 } from '../text.ts';
import { padToWord } from '../wire/bytes.ts';
import { encodeHandleResponse } from '../wire/cold-encode.ts';
import type { InvocationContext } from '../wire/context.ts';
import { envelopeHeaderBytes } from '../wire/envelope.ts';
import { encodeIpcError } from '../wire/error-payload.ts';
import { deadlinePassed } from './admission.ts';
import type { ServeOptions } from './options.ts';
import type { PoolWorker } from './pool-worker.ts';
import { Deadline, RunningJob, type Clock } from './running-job.ts';
import type { Assignment, Scheduler, Waiting } from './scheduler.ts';

export interface RequestsContext {
  readonly options: ServeOptions;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** @param payload of `response`, or of `error` when `ok` is false */
  answer(requestId: string, ok: boolean, payload: Uint8Array): void;
  dispatch(assignment: Assignment, request: { context: InvocationContext; body: Uint8Array }): void;
  endWorker(worker: PoolWorker): void;
}

/** One unary request, from its arrival until its handler has really ended. */
class RequestEntry implements Waiting {
  mode: HandlerMode = 'sync';
  running: RunningJob | undefined;
  deadline: Deadline | undefined;
  /** The cause that ended it before its handler did. */
  cause: ErrorCode | undefined;
  isAnswered = false;
  readonly requestId: string;
  readonly context: InvocationContext;
  readonly body: Uint8Array;
  readonly start: (assignment: Assignment) => void;
  readonly fail: (message: string) => void;

  constructor(
    requestId: string,
    { context, body }: { context: InvocationContext; body: Uint8Array },
    owner: {
      onStart(entry: RequestEntry, assignment: Assignment): void;
      onFail(entry: RequestEntry, message: string): void;
    },
  ) {
    this.requestId = requestId;
    this.context = context;
    this.body = body;
    this.start = (assignment) => owner.onStart(this, assignment);
    this.fail = (message) => owner.onFail(this, message);
  }

  expire(): boolean {
    return this.deadline?.expire() ?? false;
  }
}

/** The `handle` requests: they wait for workers, run and are stopped like streams, and get one answer each. */
export class Requests {
  readonly #context: RequestsContext;
  readonly #running = new Map<number, RequestEntry>();
  readonly #waiting = new Set<RequestEntry>();
  readonly #unchecked = new Set<RequestEntry>();
  #waitingBytes = 0;
  #manifest: Manifest | undefined;
  #isDraining = false;

  constructor(context: RequestsContext) {
    this.#context = context;
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** @throws MalformedError for a payload that is no HandleRequest */
  onHandle(requestId: string, payload: Uint8Array): void {
    const { options, scheduler, clock } = this.#context;
    const { context, contextBytes, body } = decodeHandleRequest(payload, options.maxContextBytes);
    if (this.#isDraining) return this.#refuse(requestId, 'unavailable', 'the module is shutting down');
    if (contextBytes > options.maxContextBytes || context.metadata.length > options.maxMetadataEntries) {
      const message =
        `the InvocationContext has ${contextBytes} bytes and ${context.metadata.length} metadata entries, ` +
        `the limits are ${options.maxContextBytes} and ${options.maxMetadataEntries}`;
      return this.#refuse(requestId, 'invalidArgument', message);
    }
    const owner = {
      onStart: (entry: RequestEntry, assignment: Assignment) => this.#onStart(entry, assignment),
      onFail: (entry: RequestEntry, message: string) => {
        this.#unwait(entry);
        this.#finish(entry, 'workerCrashed', `no worker could load the module: ${message}`);
      },
    };
    // The payload lies in the read buffer, which is used again.
    const entry = new RequestEntry(requestId, { context, body: body.slice() }, owner);
    if (context.deadlineUnixMs !== 0) {
      const passed = deadlinePassed(context, clock.now());
      if (passed !== undefined) return this.#refuse(requestId, passed.code, passed.message);
      entry.deadline = new Deadline(clock, context.deadlineUnixMs, () =>
        this.#stop(entry, 'deadlineExceeded', 'the deadline has passed'),
      );
    }
    this.#waiting.add(entry);
    this.#waitingBytes += entry.body.length;
    if (this.#manifest === undefined) this.#unchecked.add(entry);
    else if (!this.#check(entry, this.#manifest)) return;
    else scheduler.submit(entry);
    if (!this.#waiting.has(entry)) return;
    if (this.#waiting.size <= options.maxWaiting && this.#waitingBytes <= options.maxWaitingBytes) return;
    const depth = `${this.#waiting.size - 1} requests with ${this.#waitingBytes - entry.body.length} bytes wait already`;
    this.#withdraw(entry);
    this.#finish(entry, 'resourceExhausted', `too many requests wait for a worker: ${depth}`);
  }

  onManifest(manifest: Manifest): void {
    this.#manifest = manifest;
    for (const entry of this.#unchecked) {
      this.#unchecked.delete(entry);
      if (this.#check(entry, manifest)) this.#context.scheduler.submit(entry);
    }
  }

  /** A worker's answer, to whatever job. */
  onAnswer(number: number, ok: boolean, payload: Uint8Array): void {
    const entry = this.#running.get(number);
    if (entry === undefined || entry.isAnswered) return;
    if (entry.cause !== undefined) return this.#finish(entry, entry.cause, entry.running?.stopReason ?? '');
    const { maxMessageBytes } = this.#context.options;
    const answerBytes = responseBytes(entry.requestId, payload.length);
    if (answerBytes > maxMessageBytes) {
      return this.#finish(
        entry,
        'resourceExhausted',
        `the result has ${payload.length} bytes; as a message it has ${answerBytes}, the limit is ${maxMessageBytes}`,
      );
    }
    entry.isAnswered = true;
    this.#context.answer(entry.requestId, ok, ok ? encodeHandleResponse({ body: payload }) : payload);
  }

  onSettled(number: number): void {
    this.#end(number, 'internal', 'the handler ended without an answer');
  }

  onFenced(worker: PoolWorker, how: string): void {
    for (const entry of this.#on(worker)) this.#finish(entry, 'workerCrashed', how);
  }

  onWorkerExit(worker: PoolWorker, how: string): void {
    for (const entry of this.#on(worker))
      this.#end(entry.running?.assignment.number ?? 0, 'workerCrashed', how);
  }

  cancelAll(reason: string): void {
    for (const entry of [...this.#waiting, ...this.#running.values()]) this.#stop(entry, 'cancelled', reason);
  }

  #on(worker: PoolWorker): RequestEntry[] {
    return [...this.#running.values()].filter((entry) => entry.running?.assignment.worker === worker);
  }

  #check(entry: RequestEntry, manifest: Manifest): boolean {
    if (manifest.handle === undefined) {
      this.#withdraw(entry);
      this.#finish(entry, 'unimplemented', `the module ${manifest.name} handles no unary requests`);
      return false;
    }
    entry.mode = manifest.handle;
    return true;
  }

  #onStart(entry: RequestEntry, assignment: Assignment): void {
    this.#unwait(entry);
    entry.running = new RunningJob(assignment, this.#context.clock);
    this.#running.set(assignment.number, entry);
    assignment.control.reset(0);
    this.#context.dispatch(assignment, entry);
  }

  #stop(entry: RequestEntry, cause: ErrorCode, reason: string): void {
    if (entry.isAnswered || entry.cause !== undefined) return;
    entry.cause = cause;
    const { running } = entry;
    if (running === undefined) {
      this.#withdraw(entry);
      return this.#finish(entry, cause, reason);
    }
    running.stop(cause, reason, this.#context.options.cancelGraceMs, () => {
      if (!entry.isAnswered) this.#context.endWorker(running.assignment.worker);
    });
  }

  #end(number: number, code: ErrorCode, message: string): void {
    const entry = this.#running.get(number);
    if (entry?.running === undefined) return;
    this.#finish(entry, code, message);
    entry.running.settle();
    this.#running.delete(number);
    this.#context.scheduler.release(entry.running.assignment);
  }

  #withdraw(entry: RequestEntry): void {
    this.#context.scheduler.withdraw(entry);
    this.#unwait(entry);
  }

  #unwait(entry: RequestEntry): void {
    this.#unchecked.delete(entry);
    if (this.#waiting.delete(entry)) this.#waitingBytes -= entry.body.length;
  }

  /** Sends the one answer, if it is still owed; a decided cause wins. */
  #finish(entry: RequestEntry, code: ErrorCode, message: string): void {
    entry.deadline?.cancel();
    if (entry.isAnswered) return;
    entry.isAnswered = true;
    const reason = entry.cause === undefined ? message : (entry.running?.stopReason ?? message);
    this.#refuse(entry.requestId, entry.cause ?? code, reason);
  }

  #refuse(requestId: string, code: ErrorCode, message: string): void {
    const cut = cutUtf8(message, this.#context.options.maxErrorMessageBytes);
    this.#context.answer(requestId, false, encodeIpcError({ code, message: cut }));
  }
}

/** The nested message around a HandleResponse's body: segment table, root pointer, and the body's pointer. */
const HANDLE_RESPONSE_BYTES = 24;

/** Bytes of the whole message that answers a request with a body of so many bytes. */
function responseBytes(requestId: string, bodyBytes: number): number {
  return envelopeHeaderBytes(Buffer.byteLength(requestId)) + HANDLE_RESPONSE_BYTES + padToWord(bodyBytes);
}
