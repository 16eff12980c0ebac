import type { ModuleDefinition } from '../module.ts';
import { withoutRest } from '../base/buffers.ts';
import { logLine } from '../base/stderr.ts';
import { Queue } from '../base/queue.ts';
import { OP, type FromWorker } from '../threads/messages.ts';
import { decodeKvChange, type KvChange } from '../wire/payload-decode.ts';
import { textOf } from '../base/thrown.ts';

interface ModuleEvent {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** A caller that waits until all events have run that had come when it asked. */
interface Waiter {
  readonly at: number;
  readonly resolve: () => void;
}

/**
 * The events of the whole copy of the module rather than of one job: config, key-value changes, and the close.
 *
 * They run in order, one after the other. They never run in the middle of a handler that blocks; those that arrive meanwhile wait
 * until the handler is done.
 */
export class ModuleEvents {
  readonly #module: ModuleDefinition;
  readonly #say: (message: FromWorker) => void;
  readonly #waiting = new Queue<ModuleEvent>();
  readonly #waiters = new Queue<Waiter>();
  #added = 0;
  #done = 0;
  /** Whether an event's asynchronous hook has begun and not ended. */
  #isRunning = false;

  constructor(module: ModuleDefinition, say: (message: FromWorker) => void) {
    this.#module = module;
    this.#say = say;
  }

  add(kind: number, payload: Uint8Array): void {
    this.#added++;
    this.#waiting.push({ kind, payload });
  }

  get isWaiting(): boolean {
    return this.#waiting.first !== undefined;
  }

  /** Runs the waiting events. It must be called with no handler on the stack. */
  run(): void {
    while (!this.#isRunning) {
      const event = this.#waiting.shift();
      if (event === undefined) return;
      const pending = this.#runOne(event);
      if (pending === undefined) this.#ended();
      else {
        this.#isRunning = true;
        void pending.then(() => {
          this.#isRunning = false;
          this.#ended();
          this.run();
        });
      }
    }
  }

  /**
   * Runs the waiting events, and resolves when all that have come so far are done; `undefined` if they are done already. Later
   * events are not waited for, because endless changes would keep every job from its start.
   */
  settled(): Promise<void> | undefined {
    this.run();
    if (this.#done === this.#added) return undefined;
    return new Promise((resolve) => this.#waiters.push({ at: this.#added, resolve }));
  }

  #ended(): void {
    this.#done++;
    while (this.#waiters.first !== undefined && this.#waiters.first.at <= this.#done)
      this.#waiters.shift()?.resolve();
  }

  #runOne({ kind, payload }: ModuleEvent): Promise<void> | undefined {
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
          () => this.#module.onKvChange?.(changeOf(payload)),
          () => this.#say({ type: 'kvDone', bytes: payload.length }),
        );
    }
  }

  /**
   * Runs a hook. If it fails, that is logged for the author, and nothing else happens, because it is no stream's fault. Never
   * throws or rejects.
   */
  #guard(
    hook: string,
    call: () => void | Promise<void>,
    done: () => void = () => {},
  ): Promise<void> | undefined {
    const failed = (error: unknown): void => {
      logLine(`${hook} failed: ${textOf(error)}`);
    };
    try {
      const result = call();
      if (result !== undefined) return Promise.resolve(result).catch(failed).then(done);
    } catch (error) {
      failed(error);
    }
    done();
    return undefined;
  }
}

function changeOf(payload: Uint8Array): KvChange {
  const change = decodeKvChange(payload);
  return { ...change, value: withoutRest(change.value) };
}
