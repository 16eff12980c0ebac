import type { ErrorCode, ErrorReport } from '../../errors.ts';
import type { JobControl } from '../../shared-memory/job-control.ts';
import { ProgressWriter } from '../../shared-memory/progress-slot.ts';
import type { Services, StreamLog } from '../../handle/server-stream.ts';
import { StreamHandle } from '../../handle/stream-handle.ts';
import type { BlockedOn, StreamIo } from '../../handle/stream-io.ts';
import { MAX_PROGRESS_BYTES } from '../../wire/flow-limits.ts';
import type { InvocationContext } from '../../wire/context.ts';
import { reportOf } from '../error-report.ts';
import { HandlerFigures } from './handler-figures.ts';
import type { OpenedStream } from './opened-stream.ts';
import { startHandler, type HandlerEnd } from './run-handler.ts';
import type { ServiceCaller } from './services.ts';
import { streamLog } from './stream-log.ts';
import { StreamOutput } from './stream-output.ts';
import { ROOM_FOR_DATA } from '../wire-output.ts';
import type { Job, JobHost } from './job.ts';

/** One stream on this thread: its handle, its frames, and its end. Many of its methods serve the handle, as {@link StreamIo}. */
export class StreamJob implements Job, StreamIo, HandlerEnd, ServiceCaller {
  readonly jobId: number;
  readonly #thread: JobHost;
  readonly #task: OpenedStream;
  readonly #control: JobControl;
  readonly #output: StreamOutput;
  readonly #handle: StreamHandle;
  readonly #watch: HandlerFigures;
  #progress: ProgressWriter | undefined;
  #reason = '';
  #failure: ErrorReport | undefined;
  #isEnding = false;
  /** The handler's own end, for the terminal frame if no cause is decided: its error, or `undefined` for a close. */
  #own: ErrorReport | undefined;
  /** Whether the terminal frame waits for room in the ring. */
  #waitsForRoom = false;

  constructor(thread: JobHost, task: OpenedStream) {
    this.jobId = task.jobId;
    this.#thread = thread;
    this.#task = task;
    this.#control = thread.control(task.block);
    this.#output = new StreamOutput(thread.wire, this.#control, task);
    this.#watch = new HandlerFigures(thread, task);
    this.#handle = new StreamHandle(this, task.context, thread.settings.receiveWindow);
  }

  get method(): string {
    return this.#task.context.method;
  }

  /** Runs the handler and sends the terminal frame, then tells the thread. Never throws. */
  run(): void {
    const handler = this.#thread.module.streamHandler(this.method);
    if (handler === undefined) {
      return this.#end({
        code: 'methodNotFound',
        message: `this module has no stream method '${this.method}'`,
      });
    }
    this.#handle.progressCodec = this.#thread.module.progressCodec(this.method);
    let isOver: boolean;
    try {
      isOver = this.start(() => startHandler(handler, this.#handle, this));
    } catch (thrown) {
      return this.#end(this.#report(thrown));
    }
    if (isOver) this.#end(undefined);
  }

  /** Calls the handler. @returns as {@link startHandler} */
  protected start(call: () => boolean): boolean {
    return this.#watch.run(call);
  }

  /** The terminal frame is on its way. */
  protected ended(error: ErrorReport | undefined): void {
    this.#watch.ended(error);
  }

  returned(): void {
    this.#end(undefined);
  }

  threw(thrown: unknown): void {
    this.#end(this.#report(thrown));
  }

  deliver(chunk: Uint8Array): void {
    this.#handle.deliver(chunk);
  }

  deliverEnd(): void {
    this.#handle.deliverEnd();
  }

  credited(): void {
    this.#control.hearCredit();
    this.#handle.retrySends();
  }

  retry(): void {
    this.#output.retryGrant();
    this.#handle.retrySends();
    if (this.#waitsForRoom) this.#sendTerminal();
  }

  stop(reason: string): void {
    const cause = this.#control.cause;
    if (cause === undefined) return;
    this.#reason = reason;
    this.#handle.stop(cause, reason);
    this.#thread.services.abandon(this.jobId, () => this.#stopError());
  }

  fail(thrown: unknown): void {
    this.#failure ??= this.#report(thrown);
    // The handler's promise may be pending for ever, so the stream is ended here. It is not ended at once, because main must learn
    // that the thread retires before it learns that the thread has room for a job.
    queueMicrotask(() => this.#end(undefined));
  }

  // Methods for the handle.

  cause(): ErrorCode | undefined {
    return this.#control.cause;
  }

  trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room' {
    const outcome = this.#output.trySend(payload, length);
    if (outcome === 'sent') {
      if (this.#watch.isExpectant) this.#watch.sent();
      this.#thread.flushThisTurn();
    } else {
      this.#watch.stalled(outcome === 'room' ? 'ring' : outcome);
    }
    return outcome;
  }

  progress(value: Uint8Array): void {
    const known = this.#progress;
    // Taken for the time of the call: one that is cut short (by the timeout of a `vm` script, say) leaves it in an unknown state,
    // and the next call then begins with new memory.
    this.#progress = undefined;
    const writer = known ?? new ProgressWriter(MAX_PROGRESS_BYTES);
    const isUntold = writer.publish(value);
    const { jobId } = this;
    if (known === undefined) this.#thread.tellMain({ type: 'progress', jobId, memory: writer.memory });
    else if (isUntold) this.#thread.tellMain({ type: 'progress', jobId });
    this.#progress = writer;
  }

  grant(bytes: number): void {
    this.#output.grant(bytes);
    this.#thread.flushThisTurn();
  }

  block(on: BlockedOn): void {
    const control = this.#control;
    const isDecided = (): boolean => control.isDecided;
    if (on === 'room') this.#thread.wire.blockForRoom(ROOM_FOR_DATA, true, isDecided);
    else
      this.#thread.blockForInput(on === 'credit' ? () => control.isDecided || control.credit > 0 : isDecided);
  }

  awaitRoom(): void {
    if (!this.#thread.wire.awaitRoom(ROOM_FOR_DATA, true)) queueMicrotask(() => this.retry());
  }

  log(): StreamLog {
    return streamLog(this.#task, this.#thread.droppedLogs);
  }

  services(): Services {
    return this.#thread.services.for(this);
  }

  // Properties for its service requests.

  get job(): number {
    return this.jobId;
  }

  get context(): InvocationContext {
    return this.#task.context;
  }

  throwIfCancelled(): void {
    this.#handle.throwIfCancelled();
  }

  #stopError(): Error {
    try {
      this.#handle.throwIfCancelled();
    } catch (error) {
      return error as Error;
    }
    return new Error('the stream has ended');
  }

  /**
   * The report to the host of a value that the handler threw. If that value ends the stream, the author gets a log line with more,
   * such as the stack.
   */
  #report(thrown: unknown): ErrorReport {
    if (!this.#isEnding && !this.#control.isDecided) this.#thread.failureLog.tell(this.#task, thrown);
    return reportOf(thrown, this.#thread.settings.maxErrorMessageBytes);
  }

  /**
   * The only place where this thread ends a stream. It acts only once, because a handler may return after a failure outside its
   * call has already ended the stream. A decided cause takes precedence over the handler's own result.
   */
  #end(own: ErrorReport | undefined): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // The cause (a shared word) can arrive before the message that carries its reason, so take that message now.
    if (this.#control.isDecided && this.#reason === '') this.#thread.pump();
    this.#own = this.#failure ?? own;
    this.#handle.finish();
    this.#sendTerminal();
  }

  /**
   * Sends the terminal frame now, or by {@link retry} when the ring has room. Its content is decided at each attempt, because the
   * host may cancel the stream until the terminal frame is committed.
   */
  #sendTerminal(): void {
    const { cause } = this.#control;
    const error = cause === undefined ? this.#own : { code: cause, message: this.#handle.stopMessage(cause) };
    const frame = this.#output.terminal(error);
    if (this.#output.commitTerminal(frame)) {
      this.#waitsForRoom = false;
      this.ended(error);
      return this.#thread.jobEnded(this);
    }
    this.#waitsForRoom = true;
    if (!this.#thread.wire.awaitRoom(frame.length, false)) queueMicrotask(() => this.retry());
  }
}
