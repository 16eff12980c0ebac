import type { ModuleDefinition } from '../module.ts';
import { logLine } from '../stderr.ts';
import { OP, type FromWorker } from '../thread-messages.ts';
import { decodeKvChange } from '../wire/cold-decode.ts';

/**
 * What concerns the whole copy of the module rather than one job: config, key-value changes, the end.
 *
 * They run in order, one after the other, and never in the middle of a handler that blocks: what arrives meanwhile
 * waits until the handler is done.
 */
export class ModuleEvents {
  readonly #module: ModuleDefinition;
  readonly #say: (message: FromWorker) => void;
  #waiting: { kind: number; payload: Uint8Array }[] = [];
  #chain: Promise<void> | undefined;

  constructor(module: ModuleDefinition, say: (message: FromWorker) => void) {
    this.#module = module;
    this.#say = say;
  }

  add(kind: number, payload: Uint8Array): void {
    this.#waiting.push({ kind, payload });
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Runs what waits; to be called with no handler on the stack. */
  run(): void {
    while (this.#waiting.length > 0 && this.#chain === undefined) {
      const event = this.#waiting.shift();
      if (event === undefined) return;
      const pending = this.#runOne(event.kind, event.payload);
      if (pending !== undefined) {
        this.#chain = pending.finally(() => {
          this.#chain = undefined;
          this.run();
        });
      }
    }
  }

  /** Runs what waits and tells when it is done; `undefined`: now. */
  settled(): Promise<void> | undefined {
    this.run();
    return this.#chain === undefined ? undefined : this.#chain.then(() => this.settled());
  }

  #runOne(kind: number, payload: Uint8Array): Promise<void> | undefined {
    switch (kind) {
      case OP.init:
        return this.#guard('onInit', () => this.#module.onInit?.(payload));
      case OP.close:
        return this.#guard(
          'onClose',
          () => this.#module.onClose?.(),
          () => this.#say({ type: 'closed' }),
        );
      default:
        return this.#guard(
          'onKvChange',
          () => this.#module.onKvChange?.(decodeKvChange(payload)),
          () => this.#say({ type: 'kvDone', bytes: payload.length }),
        );
    }
  }

  /** A failing hook is the author's to mend and no stream's fault: it is reported, and life goes on. */
  #guard(
    hook: string,
    call: () => void | Promise<void>,
    done: () => void = () => {},
  ): Promise<void> | undefined {
    const failed = (error: unknown): void => {
      logLine(`${hook} failed: ${error instanceof Error ? error.message : String(error)}`);
    };
    try {
      const result = call();
      if (result !== undefined) return Promise.resolve(result).catch(failed).finally(done);
    } catch (error) {
      failed(error);
    }
    done();
    return undefined;
  }
}
