import type { ErrorReport } from '../../errors.ts';
import { Interception } from '../../interceptors/interception.ts';
import type { InterceptedCall, Interceptor } from '../../interceptors/interceptor.ts';
import type { RequestTask } from '../../threads/messages.ts';
import type { UnaryRequest } from '../../handle/server-stream.ts';
import type { RequestHandler } from '../../module.ts';
import type { Job, JobHost } from './job.ts';
import type { OpenedStream } from './opened-stream.ts';
import { RequestJob, type Outcome } from './request-job.ts';
import { StreamJob } from './stream-job.ts';

/** The job for a task. Only a module with interceptors has jobs that look for them, so that no frame of others costs more. */
export function jobFor(thread: JobHost, task: OpenedStream | RequestTask): Job {
  const { use = [] } = thread.module.definition;
  if (use.length === 0)
    return task.kind === 'stream' ? new StreamJob(thread, task) : new RequestJob(thread, task);
  return task.kind === 'stream'
    ? new InterceptedStreamJob(thread, task, use)
    : new InterceptedRequestJob(thread, task, use);
}

/** Starts the interceptors when the handler is called, and keeps what came before for them. */
class InterceptedStreamJob extends StreamJob {
  readonly #use: readonly Interceptor[];
  readonly #call: InterceptedCall;
  #interception: Interception | undefined;
  #early: Uint8Array[] = [];

  constructor(thread: JobHost, task: OpenedStream, use: readonly Interceptor[]) {
    super(thread, task);
    this.#use = use;
    const { context, id, openedAt, queuedMs } = task;
    this.#call = { side: 'module', kind: 'stream', method: context.method, context, id, openedAt, queuedMs };
  }

  override deliver(chunk: Uint8Array): void {
    if (this.#interception === undefined) this.#early.push(chunk);
    else if (!this.#sees(chunk)) return;
    super.deliver(chunk);
  }

  override trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room' {
    const outcome = super.trySend(payload, length);
    if (outcome === 'sent') this.#interception?.output(payload);
    return outcome;
  }

  protected override start(call: () => boolean): boolean {
    return super.start(() => {
      const interception = new Interception(this.#use, this.#call);
      this.#interception = interception;
      for (const chunk of this.#early) interception.input(chunk);
      this.#early = [];
      return interception.run(call);
    });
  }

  protected override ended(error: ErrorReport | undefined): void {
    super.ended(error);
    this.#interception?.end(error);
  }

  #sees(chunk: Uint8Array): boolean {
    try {
      this.#interception?.input(chunk);
      return true;
    } catch (thrown) {
      this.fail(thrown);
      return false;
    }
  }
}

class InterceptedRequestJob extends RequestJob {
  readonly #use: readonly Interceptor[];
  readonly #task: RequestTask;
  #interception: Interception | undefined;

  constructor(thread: JobHost, task: RequestTask, use: readonly Interceptor[]) {
    super(thread, task);
    this.#use = use;
    this.#task = task;
  }

  protected override start(handler: RequestHandler, request: UnaryRequest): unknown {
    const { context, body } = this.#task;
    const interception = new Interception(this.#use, {
      side: 'module',
      kind: 'handle',
      method: context.method,
      context,
    });
    this.#interception = interception;
    interception.input(body);
    return interception.run(() => super.start(handler, request));
  }

  protected override answer(outcome: Outcome): void {
    if (!('body' in outcome)) return this.#answered(outcome, outcome.error);
    try {
      this.#interception?.output(outcome.body);
    } catch (thrown) {
      const refused = this.failure(thrown);
      return this.#answered(refused, 'error' in refused ? refused.error : undefined);
    }
    this.#answered(outcome, undefined);
  }

  #answered(outcome: Outcome, error: ErrorReport | undefined): void {
    super.answer(outcome);
    this.#interception?.end(error);
  }
}
