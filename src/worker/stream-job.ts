import type { ErrorReport } from '../errors.ts';
import type { JobControl } from '../shared-memory/job-control.ts';
import { StreamHandle } from '../stream/stream-handle.ts';
import type { Task } from '../thread-messages.ts';
import type { StreamId } from '../wire/stream-id.ts';
import { reportOf } from './error-report.ts';
import { HandlerWatch } from './handler-watch.ts';
import { runHandler } from './run-handler.ts';
import { streamLog } from './stream-log.ts';
import { StreamOutput } from './stream-output.ts';
import type { Job, Thread } from './thread.ts';
import { ROOM_FOR_DATA } from './wire-output.ts';

/** One stream on this thread: its handle, its frames, and its end. */
export class StreamJob implements Job {
  readonly number: number;
  readonly #thread: Thread;
  readonly method: string;
  readonly #control: JobControl;
  readonly #output: StreamOutput;
  readonly #handle: StreamHandle;
  readonly #watch: HandlerWatch;
  #reason = '';
  #failed: ((report: ErrorReport) => void) | undefined;
  #failure: ErrorReport | undefined;
  #retryTerminal: (() => void) | undefined;

  constructor(thread: Thread, task: Task & { kind: 'stream' }) {
    this.number = task.number;
    this.#thread = thread;
    this.method = task.context.method;
    this.#control = thread.control(task.job);
    this.#output = new StreamOutput(thread.wire, this.#control, task.id as StreamId);
    this.#watch = new HandlerWatch(thread, task);
    const isDecided = (): boolean => this.#control.isDecided;
    const services = thread.services.for({
      job: task.number,
      context: task.context,
      cause: () => this.#control.cause,
      throwIfCancelled: () => this.#handle.throwIfCancelled(),
    });
    this.#handle = new StreamHandle(
      {
        cause: () => this.#control.cause,
        trySend: (payload) => {
          const outcome = this.#output.trySend(payload);
          if (outcome === 'sent') {
            if (this.#watch.isExpectant) this.#watch.sent();
            thread.flushThisTurn();
          } else {
            this.#watch.stalled(outcome === 'room' ? 'ring' : outcome);
          }
          return outcome;
        },
        grant: (bytes) => {
          this.#output.grant(bytes);
          thread.flushThisTurn();
        },
        block: (on) => {
          if (on === 'room') thread.wire.blockForRoom(ROOM_FOR_DATA, true, isDecided);
          else
            thread.blockForInput(on === 'credit' ? () => isDecided() || this.#control.credit > 0 : isDecided);
        },
        awaitRoom: () => {
          if (!thread.wire.awaitRoom(ROOM_FOR_DATA, true)) queueMicrotask(() => this.retry());
        },
      },
      task.context,
      thread.settings.receiveWindow,
      streamLog(task, thread.droppedLogs),
      services,
    );
  }

  /** Runs the handler and sends the terminal frame; `undefined` when all of it was synchronous. Never rejects. */
  run(): Promise<void> | undefined {
    const handler = this.#thread.module.streamHandler(this.method);
    if (handler === undefined) {
      return this.#end({
        code: 'methodNotFound',
        message: `this module has no stream method '${this.method}'`,
      });
    }
    let running: Promise<void> | undefined;
    try {
      running = this.#watch.run(() => runHandler(handler, this.#handle));
    } catch (thrown) {
      return this.#end(this.#report(thrown));
    }
    if (running === undefined) return this.#end(undefined);
    // A failure outside the handler's call may leave its promise pending for ever.
    const failed = new Promise<ErrorReport>((resolve) => (this.#failed = resolve));
    return Promise.race([
      running.then(
        () => undefined,
        (thrown: unknown) => this.#report(thrown),
      ),
      failed,
    ]).then((report) => this.#end(this.#failure ?? report));
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
    this.#retryTerminal?.();
  }

  stop(reason: string): void {
    const cause = this.#control.cause;
    if (cause === undefined) return;
    this.#reason = reason;
    this.#handle.stop(cause, reason);
    this.#thread.services.abandon(this.number, () => this.#stopError());
  }

  fail(thrown: unknown): void {
    this.#failure = this.#report(thrown);
    this.#failed?.(this.#failure);
  }

  #stopError(): Error {
    try {
      this.#handle.throwIfCancelled();
    } catch (error) {
      return error as Error;
    }
    return new Error('the stream has ended');
  }

  #report(thrown: unknown): ErrorReport {
    return reportOf(thrown, this.#thread.settings.maxErrorMessageBytes);
  }

  /** The one place where this thread ends a stream. A decided cause wins over whatever the handler made of it. */
  #end(own: ErrorReport | undefined): Promise<void> | undefined {
    let cause = this.#control.cause;
    if (cause !== undefined && this.#reason === '') {
      // The word is faster than the message with the reason.
      this.#thread.pump();
      cause = this.#control.cause;
    }
    const error = cause === undefined ? own : { code: cause, message: this.#handle.stopMessage(cause) };
    this.#handle.finish();
    this.#watch.ended(error);
    const frame = this.#output.terminal(error);
    if (this.#output.commitTerminal(frame)) return undefined;
    return new Promise((resolve) => {
      this.#retryTerminal = () => {
        if (this.#output.commitTerminal(frame)) {
          this.#retryTerminal = undefined;
          resolve();
        } else if (!this.#thread.wire.awaitRoom(frame.length, false)) {
          queueMicrotask(() => this.#retryTerminal?.());
        }
      };
      this.#retryTerminal();
    });
  }
}
