import { ModuleError, type ErrorReport } from '../errors.ts';
import type { JobControl } from '../shared-memory/job-control.ts';
import { redactWhenPrinted } from '../stream/redacted-context.ts';
import type { UnaryRequest } from '../stream/server-stream.ts';
import type { RequestTask } from '../thread-messages.ts';
import { encodeIpcError } from '../wire/error-payload.ts';
import { reportOf } from './error-report.ts';
import { streamLog } from './stream-log.ts';
import type { Job, Thread } from './thread.ts';

/** One unary request on this thread. Its answer goes through main, since it may be as large as a message. */
export class RequestJob implements Job {
  readonly number: number;
  readonly method: string;
  readonly #thread: Thread;
  readonly #task: RequestTask;
  readonly #control: JobControl;
  #reason = '';
  #abort: AbortController | undefined;
  #failed: ((report: ErrorReport) => void) | undefined;

  constructor(thread: Thread, task: RequestTask) {
    this.number = task.number;
    this.method = task.context.method;
    this.#thread = thread;
    this.#task = task;
    this.#control = thread.control(task.job);
  }

  run(): void {
    const running = this.#run();
    if (running === undefined) this.#thread.ended(this);
    else void running.then(() => this.#thread.ended(this));
  }

  #run(): Promise<void> | undefined {
    const handler = this.#thread.module.definition.onHandle;
    if (handler === undefined) {
      this.#answer({ code: 'unimplemented', message: 'this module does not handle unary requests' });
      return undefined;
    }
    let result: unknown;
    try {
      result = handler.call(this.#thread.module.definition, this.#request());
    } catch (thrown) {
      this.#answer(this.#report(thrown));
      return undefined;
    }
    if (!(typeof result === 'object' && result !== null && 'then' in result)) {
      this.#answer(result);
      return undefined;
    }
    const failed = new Promise<ErrorReport>((resolve) => (this.#failed = resolve));
    const answered = Promise.resolve(result as PromiseLike<unknown>).catch((thrown: unknown) =>
      this.#report(thrown),
    );
    return Promise.race([answered, failed]).then((value) => this.#answer(value));
  }

  deliver(): void {}
  deliverEnd(): void {}
  credited(): void {}
  retry(): void {}

  stop(reason: string): void {
    this.#reason = reason;
    this.#abort?.abort(this.#stopError());
    this.#thread.services.abandon(this.number, () => this.#stopError());
  }

  fail(thrown: unknown): void {
    this.#failed?.(this.#report(thrown));
  }

  #stopError(): ModuleError {
    const cause = this.#control.cause ?? 'cancelled';
    return new ModuleError(cause, this.#reason === '' ? `the request has ended: ${cause}` : this.#reason);
  }

  #report(thrown: unknown): ErrorReport {
    return reportOf(thrown, this.#thread.settings.maxErrorMessageBytes);
  }

  /** @param value the handler's result, or the report of its failure */
  #answer(value: unknown): void {
    if (value instanceof Uint8Array) {
      // A view is cut out of the buffer behind it, which may be large and shared.
      this.#thread.say({ type: 'answer', number: this.number, ok: true, payload: value.slice() });
      return;
    }
    const report: ErrorReport = isReport(value)
      ? value
      : {
          code: 'handlerFailed',
          message: `onHandle returned ${value === null ? 'null' : `a ${typeof value}`}; it must return a Uint8Array`,
        };
    this.#thread.say({ type: 'answer', number: this.number, ok: false, payload: encodeIpcError(report) });
  }

  #request(): UnaryRequest {
    const control = this.#control;
    const { context, body } = this.#task;
    const throwIfCancelled = (): void => {
      if (control.isDecided) throw this.#stopError();
    };
    const signal = (): AbortSignal => {
      this.#abort ??= new AbortController();
      if (control.isDecided) this.#abort.abort(this.#stopError());
      return this.#abort.signal;
    };
    return {
      context: redactWhenPrinted(context),
      body,
      deadline: context.deadlineUnixMs === 0 ? undefined : new Date(context.deadlineUnixMs),
      throwIfCancelled,
      get cancelled() {
        return control.isDecided;
      },
      get signal() {
        return signal();
      },
      log: streamLog(this.#task, this.#thread.droppedLogs),
      services: this.#thread.services.for({
        job: this.number,
        context,
        cause: () => control.cause,
        throwIfCancelled,
      }),
    };
  }
}

function isReport(value: unknown): value is ErrorReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    'message' in value &&
    !ArrayBuffer.isView(value)
  );
}
