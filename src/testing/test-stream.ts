import { isModuleError, type ErrorCode } from '../errors.ts';
import type { HostStream } from '../host/streams/host-stream.ts';
import type { AnyCodec } from '../methods/codec.ts';
import { TypedStream } from '../host/client/typed-stream.ts';
import { checkTerminal, type FrameCounts } from './frame-ledger.ts';
import { turn } from './real-time.ts';

/** The end of a stream: its close, or the fields of its error. */
export interface StreamOutcome {
  readonly code: 'close' | ErrorCode;
  /** Empty for a close. */
  readonly message: string;
  readonly details: Uint8Array;
}

/** The module under test, as its streams need it. */
export interface TestStreamOwner {
  settled(): Promise<void>;
  killWorker(afterFrames: number): void;
}

/** The host's side of one stream of a module under test, in the types of its method. */
export class TestStream<Send = Uint8Array, Receive = Uint8Array> extends TypedStream<Send, Receive> {
  readonly #stream: HostStream;
  readonly #counts: FrameCounts;
  readonly #owner: TestStreamOwner;

  constructor(
    stream: HostStream,
    input: AnyCodec,
    output: AnyCodec,
    counts: FrameCounts,
    owner: TestStreamOwner,
  ) {
    super(stream, input, output);
    this.#stream = stream;
    this.#counts = counts;
    this.#owner = owner;
  }

  /** Resolves when the stream has ended, whichever way. Never rejects. */
  get outcome(): Promise<StreamOutcome> {
    return this.#stream.closed.then(
      () => ({ code: 'close', message: '', details: new Uint8Array(0) }),
      (error: unknown) => {
        if (!isModuleError(error)) throw error;
        const { code, message, details } = error;
        return { code, message, details };
      },
    );
  }

  /** The number of Data frames that have arrived so far. */
  get frames(): number {
    return this.#counts.data;
  }

  /** Grants the module `bytes` more. */
  grant(bytes: number): void {
    this.#stream.grant(bytes);
  }

  /**
   * Ends the worker that this stream's handler runs on once `afterFrames` of its Data frames have arrived (default 0: now, or
   * when it starts). What the handler had committed by then arrives too, as in production; then comes `workerCrashed`.
   */
  killWorker(afterFrames = 0): void {
    this.#owner.killWorker(afterFrames);
  }

  /** Waits for the stream's end. @throws Error unless the stream had exactly one terminal frame, and nothing followed it */
  async assertOneTerminal(): Promise<void> {
    await this.outcome;
    await this.#owner.settled();
    checkTerminal(this.id, this.#counts);
  }
}

/** Makes a send fail, instead of hang, where it would wait for credit that nobody is there to give. */
export function neverWaiting(stream: HostStream): HostStream {
  return {
    id: stream.id,
    send: (data) => {
      if (stream.trySend(data)) return Promise.resolve();
      const failed = stream.send(data);
      return Promise.race([failed, refused(failed)]);
    },
    trySend: (data) => stream.trySend(data),
    end: () => stream.end(),
    cancel: (reason) => stream.cancel(reason),
    grant: (bytes) => stream.grant(bytes),
    get closed() {
      return stream.closed;
    },
    next: () => stream.next(),
    return: () => stream.return(),
    collect: () => stream.collect(),
    bytes: () => stream.bytes(),
    text: () => stream.text(),
    json: () => stream.json(),
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}

/** Rejects one turn later, so that a stream that is over can say so first. */
async function refused(send: Promise<void>): Promise<void> {
  send.catch(() => {});
  await turn();
  throw new Error(
    'This input is over the stream’s window, and a synchronous handler on the test’s thread starts only at its end. Give ' +
      'testModule a larger `receiveWindow`, or the `file` of the module, so that the handler runs on a thread of its own.',
  );
}
