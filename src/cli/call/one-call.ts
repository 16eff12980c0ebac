import type { ModuleHost } from '../../host/index.ts';

/** The parameters of one call, which may be made several times. */
export interface CallSpec {
  readonly method: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** A unary request instead of a stream. */
  readonly isUnary: boolean;
  /** From the moment of the call: the module's start doesn't count. */
  readonly deadlineMs: number | undefined;
  readonly cancelAfterMs: number | undefined;
  /** Bytes that the module may send ahead of what was taken from it. */
  readonly credit: number | undefined;
}

/** Traffic of all calls so far: Data frames, or the bodies of unary requests. */
export interface CallTally {
  done: number;
  framesOut: number;
  bytesOut: number;
  framesIn: number;
  bytesIn: number;
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Makes one call.
 *
 * @param onData takes each Data of the answer; the next is read when it has settled
 * @param onProgress is told of each progress value; left out: the module is asked for none
 * @throws what the stream fails with, or reading `input`
 */
export async function callOnce(
  module: ModuleHost,
  spec: CallSpec,
  input: Chunks,
  onData: (chunk: Uint8Array) => Promise<void>,
  tally: CallTally,
  signal: AbortSignal,
  onProgress?: (value: Uint8Array) => void,
): Promise<void> {
  const { method, metadata, deadlineMs, credit } = spec;
  const options = {
    metadata,
    signal,
    ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
    ...(credit === undefined ? {} : { initialCredit: credit }),
  };
  const receive = (chunk: Uint8Array): Promise<void> => {
    tally.framesIn += 1;
    tally.bytesIn += chunk.length;
    return onData(chunk);
  };
  if (spec.isUnary) {
    const body: Uint8Array[] = [];
    for await (const chunk of input) body.push(chunk);
    const whole = Buffer.concat(body);
    tally.framesOut += 1;
    tally.bytesOut += whole.length;
    return receive(await module.request(method, whole, options));
  }
  const stream = module.openStream(method, onProgress === undefined ? options : { ...options, onProgress });
  const timer =
    spec.cancelAfterMs === undefined
      ? undefined
      : setTimeout(() => stream.cancel('the caller cancelled'), spec.cancelAfterMs);
  let inputError: unknown;
  const sendAll = async (): Promise<void> => {
    for await (const chunk of input) {
      // A stream that ends first only ends the sending.
      const isSent = await stream.send(chunk).then(
        () => true,
        () => false,
      );
      if (!isSent) return;
      tally.framesOut += 1;
      tally.bytesOut += chunk.length;
    }
    stream.end();
  };
  void sendAll().catch((error: unknown) => {
    // Ahead of the module's answer to the cancel, which says less.
    inputError = error;
    stream.cancel('the input of the call failed');
  });
  try {
    for await (const chunk of stream) await receive(chunk);
  } catch (error) {
    throw inputError ?? error;
  } finally {
    clearTimeout(timer);
  }
}
