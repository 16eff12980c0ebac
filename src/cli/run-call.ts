import type { Readable, Writable } from 'node:stream';
import { ModuleError } from '../errors.ts';
import { spawnModule, type HostStream, type ModuleProcess } from '../host/index.ts';
import { escapeControls } from '../stderr.ts';
import { chunksOf, endOutput, writeChunk } from './call-files.ts';

export interface CallOptions {
  readonly file: string;
  readonly method: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  readonly workers: number;
  /** Undefined: the module sees an empty input. */
  readonly input: Readable | undefined;
  readonly output: Writable;
  /** From the moment that the module is ready: its start doesn't count. */
  readonly deadlineMs: number | undefined;
}

/** Exit codes of a shell for what SIGINT and SIGTERM end. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs one stream from `input` to `output`.
 *
 * @returns the exit code: 0, also when nobody reads the output any more; 1 for a stream that failed; 130 or 143 after a signal,
 * where a write that nobody takes may still be pending
 */
export async function runCall(options: CallOptions): Promise<number> {
  const { file, workers, input, output } = options;
  // Failures of writing are seen by the writes; without a listener they would also end the process.
  output.on('error', () => undefined);
  let isSound = true;
  const module = spawnModule({
    file,
    workers,
    onStderr: (text) => void process.stderr.write(text),
    onViolation: (violation) => {
      isSound = false;
      complain(`the module broke the protocol: ${violation.message}`);
    },
  });
  const stop = new AbortController();
  const signals = watchSignals(module, stop);
  try {
    // An output that nobody takes must not hold a signal up.
    await Promise.race([transfer(module, options, stop.signal), signals.stopped]);
    await endOutput(output);
    return isSound ? 0 : 1;
  } catch (error) {
    const exitCode = signals.exitCode();
    if (exitCode !== undefined) return exitCode;
    if (isNobodyReading(error)) return 0;
    complain(explain(error, module));
    return 1;
  } finally {
    // It may be a terminal or a pipe that stays open: nothing more is wanted from it.
    input?.destroy();
    await module.close();
    signals.release();
  }
}

async function transfer(module: ModuleProcess, options: CallOptions, signal: AbortSignal): Promise<void> {
  await module.initialize({ runtimeName: 'ixt-module call' });
  const { method, metadata, deadlineMs, input, output } = options;
  const stream = module.openStream(method, {
    metadata,
    signal,
    ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
  });
  let inputError: unknown;
  void sendAll(input, stream).catch((error: unknown) => {
    // Ahead of the module's answer to the cancel, which says less.
    inputError = error;
    stream.cancel('the input of the call failed');
  });
  try {
    for await (const chunk of stream) await writeChunk(output, chunk);
  } catch (error) {
    throw inputError ?? error;
  }
}

/** Rejects where the input can't be read; a stream that ends first only ends the sending. */
async function sendAll(input: Readable | undefined, stream: HostStream): Promise<void> {
  if (input !== undefined) {
    for await (const chunk of chunksOf(input)) {
      const isSent = await stream.send(chunk).then(
        () => true,
        () => false,
      );
      if (!isSent) return;
    }
  }
  stream.end();
}

/** The signal that ended the call, if one did. */
interface SignalWatch {
  exitCode(): number | undefined;
  /** Rejects when a signal comes, and never settles without. */
  readonly stopped: Promise<never>;
  release(): void;
}

/**
 * The first signal cancels the stream, the second kills the module. A terminal's ^C reaches the module too; it drains then,
 * and the cancel ends that early.
 */
function watchSignals(module: ModuleProcess, stop: AbortController): SignalWatch {
  let exitCode: number | undefined;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (exitCode !== undefined) module.kill();
    exitCode ??= SIGNAL_EXIT[signal];
    stop.abort(`the caller was ended by ${signal}`);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const stopped = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => reject(new Error('A signal has come.')));
  });
  return {
    stopped,
    exitCode: () => exitCode,
    release: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  };
}

function isNobodyReading(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function explain(error: unknown, module: ModuleProcess): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof ModuleError)) return error.message;
  // A module that is gone has said why on stderr, which the user has seen.
  const isGone = error.code === 'unavailable' && module.child.exitCode !== null;
  const message = isGone ? error.message.replace(/ Its stderr ends with:\n[^]*$/, '') : error.message;
  return `${error.code}: ${message}`;
}

/** A message may come from anywhere: it keeps its lines, and nothing else that would steer a terminal. */
function complain(message: string): void {
  process.stderr.write(`${message.split('\n').map(escapeControls).join('\n')}\n`);
}
