// In a project of your own: 'ixt-sdk/schema/ipc' and 'ixt-sdk/schema/ipc_streaming'.
import type { ErrorCode, IpcError } from '../../../schema/generated/ipc.ts';
import type { StreamFrame } from '../../../schema/generated/ipc_streaming.ts';

/** The constants of ipc_streaming.capnp that this host needs, in bytes. */
export const INITIAL_CREDIT = 262_144;
const MIN_DATA_COST = 64;

/** What the module, or its end, answered instead of a result. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  static from({ code, message }: IpcError): ModuleError {
    return new ModuleError(code, message);
  }
}

/** Sends a frame of one stream, which the caller fills in. */
export type SendFrame = (fill: (frame: StreamFrame) => void) => void;

/** One call with chunks both ways, and its credit. Iterate it for the chunks of the module. */
export class Stream implements AsyncIterable<Uint8Array> {
  readonly #sendFrame: SendFrame;
  readonly #received: Uint8Array[] = [];
  #sendBalance: number;
  /** The cost of what was taken since the last grant. */
  #taken = 0;
  #end: { readonly failure?: ModuleError } | undefined;
  readonly #waiting: (() => void)[] = [];

  /** @param window bytes that may be sent at first */
  constructor(sendFrame: SendFrame, window: number) {
    this.#sendFrame = sendFrame;
    this.#sendBalance = window;
  }

  /** Sends one chunk of at most 1 MiB, and waits for credit first. @throws Error where the stream has ended */
  async send(chunk: Uint8Array): Promise<void> {
    while (this.#sendBalance <= 0 && this.#end === undefined) await this.#changed();
    if (this.#end !== undefined) throw this.#end.failure ?? new Error('The module has closed the stream.');
    this.#sendBalance -= costOf(chunk);
    this.#sendFrame((frame) => frame._initData(chunk.length).copyBuffer(chunk));
  }

  /** Says that nothing more is sent; the module may go on sending. */
  close(): void {
    this.#sendFrame((frame) => (frame.close = true));
  }

  cancel(reason: string): void {
    this.#sendFrame((frame) => (frame.cancel = reason));
  }

  /** All chunks up to a clean end. A loop that is left early cancels. @throws ModuleError where the stream fails */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#received.shift();
        if (chunk !== undefined) {
          this.#grant(costOf(chunk));
          yield chunk;
        } else if (this.#end === undefined) {
          await this.#changed();
        } else if (this.#end.failure === undefined) {
          return;
        } else {
          throw this.#end.failure;
        }
      }
    } finally {
      if (this.#end === undefined) this.cancel('nobody reads on');
    }
  }

  /** A frame of the module's. @returns whether it was the last one */
  receive(frame: StreamFrame): boolean {
    // A copy: the frame lies in a message that is gone afterwards.
    if (frame._isData) this.#received.push(frame.data.toUint8Array().slice());
    if (frame._isCredit) this.#sendBalance += frame.credit;
    if (frame._isClose) this.#end = {};
    if (frame._isError) this.#end = { failure: ModuleError.from(frame.error) };
    this.#wake();
    return this.#end !== undefined;
  }

  /** No frame comes any more. */
  fail(failure: ModuleError): void {
    this.#end ??= { failure };
    this.#wake();
  }

  /** What was taken is granted back, half a window at a time. */
  #grant(cost: number): void {
    this.#taken += cost;
    if (this.#taken < INITIAL_CREDIT / 2 || this.#end !== undefined) return;
    const grant = this.#taken;
    this.#taken = 0;
    this.#sendFrame((frame) => (frame.credit = grant));
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function costOf(chunk: Uint8Array): number {
  return Math.max(chunk.length, MIN_DATA_COST);
}
