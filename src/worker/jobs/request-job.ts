import { ModuleError, type ErrorCode, type ErrorReport } from '../../errors.ts';
import { bytesAdvice, bytesOf, kindName } from '../../base/typed-array.ts';
import type { JobControl } from '../../shared-memory/job-control.ts';
import { redactWhenPrinted } from '../../handle/redacted-context.ts';
import type { UnaryRequest } from '../../handle/server-stream.ts';
import type { RequestTask } from '../../threads/messages.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import { reportOf } from '../error-report.ts';
import { streamLog } from './stream-log.ts';
import type { RequestHandler } from '../../module.ts';
import type { Job, JobHost } from './job.ts';

/** The result of a request: the handler's bytes, or an error. */
export type Outcome = { readonly body: Uint8Array } | { readonly error: ErrorReport };

/**
 * One unary request on this thread. Main sends its answer to the host, since the answer may be as large as a message and need not
 * fit a ring.
 */
export class RequestJob implements Job {
  readonly jobId: number;
  readonly method: string;
  readonly #thread: JobHost;
  readonly #task: RequestTask;
  readonly #control: JobControl;
  #reason = '';
  /** The cause at the moment of the answer. After that the control block may belong to another job. */
  #end: { readonly cause: ErrorCode | undefined } | undefined;
  #abort: AbortController | undefined;
  #failed: ((outcome: Outcome) => void) | undefined;

  constructor(thread: JobHost, task: RequestTask) {
    this.jobId = task.jobId;
    this.method = task.context.method;
    this.#thread = thread;
    this.#task = task;
    this.#control = thread.control(task.block);
  }

  run(): void {
    const running = this.#run();
    if (running === undefined) this.#ended();
    else {
      running.then(
        () => this.#ended(),
        (error: unknown) => this.#thread.jobThrew(this, error),
      );
    }
  }

  #ended(): void {
    this.#end = { cause: this.#control.cause };
    this.#thread.jobEnded(this);
  }

  get #cause(): ErrorCode | undefined {
    return this.#end === undefined ? this.#control.cause : this.#end.cause;
  }

  #run(): Promise<void> | undefined {
    const { module } = this.#thread;
    const handler = module.requestHandler(this.method);
    if (handler === undefined) {
      // Main refuses requests to a module without any, so this one has a table without this method.
      const message = `the module ${module.manifest.name} has no unary method '${this.method}'`;
      this.answer({ error: { code: 'methodNotFound', message } });
      return undefined;
    }
    let result: unknown;
    try {
      result = this.start(handler, this.#request());
      if (!(typeof result === 'object' && result !== null && 'then' in result)) {
        this.answer({ body: this.#bodyOf(result) });
        return undefined;
      }
    } catch (thrown) {
      this.answer(this.failure(thrown));
      return undefined;
    }
    const failed = new Promise<Outcome>((resolve) => (this.#failed = resolve));
    const answered = Promise.resolve(result as PromiseLike<unknown>).then((value): Outcome => ({
      body: this.#bodyOf(value),
    }));
    return Promise.race([answered, failed])
      .catch((thrown: unknown) => this.failure(thrown))
      .then((outcome) => this.answer(outcome));
  }

  deliver(): void {}
  deliverEnd(): void {}
  credited(): void {}
  retry(): void {}

  stop(reason: string): void {
    this.#reason = reason;
    this.#abort?.abort(this.#stopError());
    this.#thread.services.abandon(this.jobId, () => this.#stopError());
  }

  fail(thrown: unknown): void {
    this.#failed?.(this.failure(thrown));
  }

  #bodyOf(result: unknown): Uint8Array {
    return bodyOf(result, this.#thread.settings.maxMessageBytes);
  }

  #stopError(): ModuleError {
    const cause = this.#cause ?? 'cancelled';
    return new ModuleError(cause, this.#reason === '' ? `the request has ended: ${cause}` : this.#reason);
  }

  /**
   * The report to the host of a value that the handler threw. If that value ends the request, the author gets a log line with more,
   * such as the stack.
   */
  protected failure(thrown: unknown): Outcome {
    if (this.#end === undefined && this.#cause === undefined)
      this.#thread.failureLog.tell(this.#task, thrown);
    return { error: reportOf(thrown, this.#thread.settings.maxErrorMessageBytes) };
  }

  /** Calls the handler. @returns what it returned */
  protected start(handler: RequestHandler, request: UnaryRequest): unknown {
    return handler(request);
  }

  protected answer(outcome: Outcome): void {
    const { jobId } = this;
    const ok = 'body' in outcome;
    const payload = ok ? outcome.body : encodeIpcError(outcome.error);
    this.#thread.tellMain({ type: 'answer', jobId, ok, payload });
  }

  #request(): UnaryRequest {
    const { context, body } = this.#task;
    const isCancelled = (): boolean => this.#cause !== undefined;
    const throwIfCancelled = (): void => {
      if (this.#cause !== undefined) throw this.#stopError();
      if (this.#end !== undefined) throw new ModuleError('unavailable', 'the request has ended');
    };
    const signal = (): AbortSignal => {
      this.#abort ??= new AbortController();
      if (this.#cause !== undefined) this.#abort.abort(this.#stopError());
      return this.#abort.signal;
    };
    return {
      context: redactWhenPrinted(context),
      body,
      deadline: context.deadlineUnixMs === 0 ? undefined : new Date(context.deadlineUnixMs),
      throwIfCancelled,
      get cancelled() {
        return isCancelled();
      },
      get signal() {
        return signal();
      },
      log: streamLog(this.#task, this.#thread.droppedLogs),
      services: this.#thread.services.for({
        job: this.jobId,
        context,
        throwIfCancelled,
      }),
    };
  }
}

/**
 * A copy of the bytes that the handler returned, because a view would be posted with its whole buffer, which may be large and
 * shared. Bytes that can't fit a message are refused before they are copied.
 *
 * @throws TypeError for a value that is no bytes, or whose buffer was transferred; ModuleError `resourceExhausted` for bytes over
 *   the message limit
 */
function bodyOf(value: unknown, maxMessageBytes: number): Uint8Array {
  const body = bytesOf(value);
  if (body === undefined) {
    throw new TypeError(
      `onHandle returned ${kindName(value)}; it must return bytes (a Uint8Array)${bytesAdvice(value)}`,
    );
  }
  if (body.length > maxMessageBytes) {
    const message = `the result has ${body.length} bytes, the limit of a message is ${maxMessageBytes}; send it by a stream`;
    throw new ModuleError('resourceExhausted', message);
  }
  return body.slice();
}
