import { isModuleError, type ErrorReport } from '../errors.ts';
import type { CallHooks, ContextAddition, InterceptedCall, Interceptor } from './interceptor.ts';

/** The hooks of all interceptors for one call, the first one outermost. */
export class Interception {
  readonly #hooks: CallHooks[] = [];
  #isOver = false;

  /** Starts the call. @throws what an interceptor throws; those before it are then told of the end */
  constructor(interceptors: readonly Interceptor[], call: InterceptedCall) {
    try {
      for (const interceptor of interceptors) {
        const hooks = interceptor(call);
        if (hooks !== undefined) this.#hooks.push(hooks);
      }
    } catch (thrown) {
      this.end(errorReport(thrown));
      throw thrown;
    }
  }

  /** The fields that the interceptors add to the context, for the host. The last one to name a field decides. */
  get context(): ContextAddition {
    const added: ContextAddition[] = this.#hooks.map(({ context = {} }) => context);
    const metadata = added.flatMap((addition) => addition.metadata ?? []);
    return Object.assign({}, ...added, metadata.length === 0 ? {} : { metadata }) as ContextAddition;
  }

  run<Result>(call: () => Result): Result {
    return this.#hooks.reduceRight<() => Result>(
      (next, hooks) => (hooks.run === undefined ? next : () => hooks.run?.(next) as Result),
      call,
    )();
  }

  input(payload: Uint8Array): void {
    for (const hooks of this.#hooks) hooks.input?.(payload);
  }

  output(payload: Uint8Array): void {
    for (const hooks of this.#hooks) hooks.output?.(payload);
  }

  /** Tells of the end, from the inside out. Only the first call counts. */
  end(error: ErrorReport | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const hooks of this.#hooks.toReversed()) {
      try {
        hooks.end?.(error);
      } catch (thrown) {
        // The call is over already, so the interceptor's mistake must show in another way.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}

/** The report of a thrown value, for {@link CallHooks.end}. */
export function errorReport(thrown: unknown): ErrorReport {
  if (isModuleError(thrown)) return thrown;
  return { code: 'handlerFailed', message: thrown instanceof Error ? thrown.message : String(thrown) };
}
