import { ModuleError } from '../errors.ts';
import { bytesGiven } from '../host/bytes-given.ts';
import { contextOf, type InvocationOptions } from '../host/invocation-options.ts';
import { shapeOf } from '../methods/shape.ts';
import { serviceHandlerOf, type OnService } from '../host/service-table.ts';
import type { ModedHandler, StreamHandler } from '../module.ts';
import type { LogLevel, ServerStream, Services, StreamLog } from '../handle/server-stream.ts';
import { StreamHandle } from '../handle/stream-handle.ts';
import { EMPTY_CONTEXT, type InvocationContext } from '../wire/context.ts';
import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import { reportOf } from '../worker/error-report.ts';
import { runHandler } from '../worker/jobs/run-handler.ts';
import { MemoryStreamIo } from './memory-stream-io.ts';
import type { StreamOutcome } from './test-stream.ts';

/** The call as the host describes it, and the data that it has sent before the handler begins. */
export interface MockStreamOptions extends Omit<InvocationOptions, 'signal'> {
  /** Data of the host, a chunk each; its end follows. Left out: the test feeds the stream by {@link MockStream.push}. */
  readonly input?: Iterable<Uint8Array>;
  readonly method?: string;
  /** Bytes that the handler may send before it is granted more (default: as many as it likes). */
  readonly credit?: number;
  /** Answers service requests; a synchronous one must be answered without a promise. */
  readonly onService?: OnService;
  /** Is called with each chunk that the handler sends, on the handler's stack, so that it can cancel a synchronous handler, say. */
  readonly onSend?: (payload: Uint8Array, stream: MockStream) => void;
}

/** One line of `stream.log`. */
export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MAX_ERROR_MESSAGE = 4096;

/** Makes a stream for one handler, without a module around it: see {@link MockStream}. */
export function mockStream(options: MockStreamOptions = {}): MockStream {
  return new MockStream(options);
}

/**
 * Gives one handler the real stream handle, in memory. The handler may be synchronous or asynchronous.
 *
 * Nothing can come while a synchronous handler runs. So a read beyond the input, or a send beyond the credit, would block for
 * ever; it throws an Error that says so.
 */
export class MockStream {
  /** The argument of a handler. */
  readonly stream: ServerStream;
  /** Chunks that the handler has sent so far. */
  readonly sent: readonly Uint8Array[];
  /** The handler's progress values so far, all of them, as bytes. */
  readonly progress: readonly Uint8Array[];
  readonly logs: LoggedLine[] = [];
  readonly #handle: StreamHandle;
  readonly #io: MemoryStreamIo;

  constructor(options: MockStreamOptions) {
    const { input, method = '', credit = Infinity, onSend } = options;
    const context: InvocationContext = { ...EMPTY_CONTEXT, ...contextOf(method, options) };
    this.#io = new MemoryStreamIo(this.#log(), this.#services(options));
    this.#io.credit = credit;
    this.#io.onBlock = (on) => {
      throw new Error(
        `A synchronous handler would block for ${on === 'input' ? 'input that the mock stream does not have' : 'credit'}. ` +
          'While it runs nothing can come: give mockStream all of the `input`, or more `credit`.',
      );
    };
    if (onSend !== undefined) this.#io.onSent = (payload) => onSend(payload, this);
    this.sent = this.#io.sent;
    this.progress = this.#io.progressed;
    this.#handle = new StreamHandle(this.#io, context, INITIAL_CREDIT);
    this.stream = this.#handle;
    if (input === undefined) return;
    for (const chunk of input) this.push(chunk);
    this.end();
  }

  /** The host sends one Data frame. */
  push(chunk: Uint8Array): void {
    this.#handle.deliver(bytesGiven(chunk, 'A host sends bytes').slice());
  }

  /** The host has sent all. */
  end(): void {
    this.#handle.deliverEnd();
  }

  /** The host cancels. */
  cancel(reason = 'the test cancelled'): void {
    this.#io.decided ??= 'cancelled';
    this.#handle.stop(this.#io.decided, reason);
  }

  /** The deadline passes. */
  expire(): void {
    this.#io.decided ??= 'deadlineExceeded';
    this.#handle.stop(this.#io.decided, 'the deadline has passed');
  }

  /** The host grants `bytes` more. */
  grant(bytes: number): void {
    this.#io.credit += bytes;
    this.#handle.retrySends();
  }

  /**
   * Runs the handler to its end. Never rejects: the outcome says what the host would see. After a cancel or the deadline it says
   * that, however the handler ends.
   */
  async run(handler: StreamHandler | ModedHandler): Promise<StreamOutcome> {
    this.#handle.progressCodec = shapeOf(handler).progress;
    let thrown: { readonly error: unknown } | undefined;
    try {
      await runHandler(typeof handler === 'function' ? handler : handler.handler, this.#handle);
    } catch (error) {
      thrown = { error };
    }
    const cause = this.#io.decided;
    const message = cause === undefined ? '' : this.#handle.stopMessage(cause);
    this.#handle.finish();
    if (cause !== undefined) return { code: cause, message, details: new Uint8Array(0) };
    if (thrown === undefined) return { code: 'close', message: '', details: new Uint8Array(0) };
    return { details: new Uint8Array(0), ...reportOf(thrown.error, MAX_ERROR_MESSAGE) };
  }

  #log(): StreamLog {
    const write =
      (level: LogLevel) =>
      (message: string, fields: Record<string, unknown> = {}) =>
        void this.logs.push({ level, message, fields });
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }

  #services(options: MockStreamOptions): Services {
    const onService = serviceHandlerOf(options.onService);
    const call = (service: string, method: string, body: Uint8Array): Promise<Uint8Array> | Uint8Array => {
      if (onService === undefined) {
        throw new ModuleError('unimplemented', `the mock stream has no onService (${service}.${method})`);
      }
      return onService({ service, method, body, context: this.stream.context });
    };
    return {
      request: async (service, method, body) => await call(service, method, body),
      requestSync: (service, method, body) => {
        const answer = call(service, method, body);
        if (!(answer instanceof Promise)) return bytesGiven(answer, 'A service answers bytes');
        answer.catch(() => {});
        throw new Error('requestSync needs an onService that returns its answer, not a promise');
      },
    };
  }
}
