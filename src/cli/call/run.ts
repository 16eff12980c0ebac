import type { Readable } from 'node:stream';
import { isModuleError, type ModuleError } from '../../errors.ts';
import type { HostSessionOptions, Initialized, ModuleHost } from '../../host/index.ts';
import { chunksOf, readChunks, writeChunk } from './files.ts';
import { CliError, complain } from '../terminal/failure.ts';
import { bytes, count, jsonBytes, plural, seconds } from '../terminal/format.ts';
import type { CallOutput } from './output.ts';
import { issuesOf } from '../../methods/issues.ts';
import { answerWriter, encodeData } from './data.ts';
import { CallProgress, progressJson } from './progress.ts';
import { callOnce, type CallSpec, type CallTally } from './one-call.ts';
import { textOf } from '../../base/thrown.ts';
import { openModule } from '../open-module.ts';
import { connectNamed } from '../nats/connect.ts';
import type { NatsFlags } from '../nats/flags.ts';
import { canDraw, startProgressLine } from '../terminal/progress-line.ts';

export interface CallOptions extends CallSpec {
  /** The module file; over NATS the module's name. */
  readonly file: string;
  /** Where the module's nodes are; undefined: it is started here. */
  readonly nats: NatsFlags | undefined;
  readonly workers: number;
  /** Sent in place of the input, in the codec of the method. */
  readonly data: string | undefined;
  /** Undefined: the module sees an empty input. */
  readonly input: Readable | undefined;
  /** Committed where the exit code is 0; else it is the caller's to discard. */
  readonly output: CallOutput;
  readonly repeat: number;
  readonly concurrency: number;
  /** The answers as JSON, one line a frame, instead of as they are. */
  readonly isJson: boolean;
}

/** The module that is called, wherever it runs. */
interface CalledModule {
  readonly module: ModuleHost;
  readonly info: Initialized;
  /** Ends what would hold up the end. */
  readonly kill: () => void;
  /** Its process was here and has ended. */
  readonly isGone: () => boolean;
}

/** @throws CliError for a module that can't be started, or that no node serves */
async function openCalled(
  { file, workers, nats }: CallOptions,
  options: Pick<HostSessionOptions, 'onViolation'>,
): Promise<CalledModule> {
  if (nats === undefined) {
    const { module, info } = await openModule(file, 'call', { workers, ...options });
    return { module, info, kill: () => module.kill(), isGone: () => module.child?.exitCode !== null };
  }
  const module = await connectNamed(file, nats, options);
  try {
    const info = await module.initialize({ runtimeName: 'ixt-module call' });
    return { module, info, kill: () => process.exit(1), isGone: () => false };
  } catch (error) {
    await module.close();
    throw new CliError(1, textOf(error));
  }
}

/** Exit codes of a shell for what SIGINT and SIGTERM end. */
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Makes the calls from `input` to `output`.
 *
 * @returns the exit code: 0, also when nobody reads the output any more; 1 where a call failed; 130 or 143 after a signal,
 * where a write that nobody takes may still be pending
 * @throws CliError for a module that can't be started
 */
export async function runCall(options: CallOptions): Promise<number> {
  const { input, output } = options;
  // Failures of writing are seen by the writes; without a listener they would also end the process.
  output.stream.on('error', () => undefined);
  let isSound = true;
  const { module, info, kill, isGone } = await openCalled(options, {
    onViolation: (violation) => {
      isSound = false;
      complain(`the module broke the protocol: ${violation.message}`);
    },
  });
  const stop = new AbortController();
  const signals = watchSignals(kill, stop);
  const tally: CallTally = { done: 0, framesOut: 0, bytesOut: 0, framesIn: 0, bytesIn: 0 };
  const started = performance.now();
  const report = (): string => describeTally(options, tally, performance.now() - started);
  const progress = new CallProgress(canDraw());
  const hideProgress = startProgressLine(() => progress.text + report());
  try {
    const explained = (error: unknown): string => explain(error, options.method, info, isGone());
    const data = encodeData(options, info);
    const written = answerWriter(options, info, options.repeat);
    const calls = makeCalls(module, explained, options, tally, stop.signal, progress, data, written);
    // An output that nobody takes must not hold a signal up.
    const failed = await Promise.race([calls, signals.stopped]);
    hideProgress();
    if (options.repeat > 1) complain(report());
    if (!isSound || failed > 0) return 1;
    await output.commit();
    return 0;
  } catch (error) {
    hideProgress();
    if (error instanceof CliError) throw error;
    const exitCode = signals.exitCode();
    if (exitCode !== undefined) return exitCode;
    if (isNobodyReading(error)) return 0;
    complain(explain(error, options.method, info, isGone()));
    return 1;
  } finally {
    // It may be a terminal or a pipe that stays open: nothing more is wanted from it.
    input?.destroy();
    await module.close();
    signals.release();
  }
}

/** Gives how many calls failed; rejects where input or output did, and all calls with them. */
async function makeCalls(
  module: ModuleHost,
  explained: (error: unknown) => string,
  options: CallOptions,
  tally: CallTally,
  signal: AbortSignal,
  progress: CallProgress,
  data: readonly Uint8Array[] | undefined,
  written: (frame: Uint8Array) => Uint8Array,
): Promise<number> {
  const { repeat, concurrency, input, isJson } = options;
  const output = options.output.stream;
  const chunks = data ?? (repeat > 1 ? await readChunks(input) : undefined);
  const failures = new Map<string, number>();
  let next = 0;
  // Answers are written one after the other, in the order of the calls; a call whose turn has not come waits by its credit.
  let lastTurn = Promise.resolve();
  const callNext = async (): Promise<void> => {
    const number = next++;
    const turn = lastTurn;
    let passOn = (): void => undefined;
    lastTurn = new Promise((resolve) => (passOn = resolve));
    const started = performance.now();
    const say = (event: object): Promise<void> =>
      writeChunk(output, `${JSON.stringify({ call: number, ...event })}\n`);
    const onData = async (chunk: Uint8Array): Promise<void> => {
      await turn;
      await (isJson ? say(jsonBytes(chunk)) : writeChunk(output, written(chunk)));
    };
    // One line for a person can't show how far many calls are.
    const onProgress = isJson
      ? (value: Uint8Array) => void say({ progress: progressJson(value) }).catch(() => undefined)
      : repeat > 1
        ? undefined
        : (value: Uint8Array) => progress.add(value);
    let failure: ModuleError | undefined;
    try {
      const source = chunks ?? (input === undefined ? [] : chunksOf(input));
      await callOnce(module, options, source, onData, tally, signal, onProgress);
    } catch (error) {
      if (!isModuleError(error)) throw error;
      failure = error;
      const text = explained(error);
      failures.set(text, (failures.get(text) ?? 0) + 1);
    }
    await turn;
    if (isJson) {
      const end = failure === undefined ? { end: 'close' } : { end: failure.code, message: failure.message };
      await say({ ...end, ms: Math.round(performance.now() - started) });
    }
    tally.done += 1;
    passOn();
  };
  const lane = async (): Promise<void> => {
    while (next < repeat && !signal.aborted) await callNext();
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, repeat) }, lane));
  for (const [text, times] of failures) complain(times === 1 ? text : `${count(times)} × ${text}`);
  return failures.size;
}

function describeTally(options: CallOptions, tally: CallTally, ms: number): string {
  const frames = tally.framesOut + tally.framesIn;
  return (
    `${options.method}: ${count(tally.done)} of ${plural(options.repeat, 'call')}, ` +
    `${plural(tally.framesOut, 'frame')} (${bytes(tally.bytesOut)}) sent, ` +
    `${plural(tally.framesIn, 'frame')} (${bytes(tally.bytesIn)}) received, ` +
    `${seconds(ms)}, ${count((1000 * frames) / ms)} frames/s`
  );
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
function watchSignals(kill: () => void, stop: AbortController): SignalWatch {
  let exitCode: number | undefined;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (exitCode !== undefined) kill();
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

/** Why a call failed, and what the caller can do where it is the caller's to mend. */
function explain(error: unknown, method: string, info: Initialized, isModuleGone: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (!isModuleError(error)) return error.message;
  // A module that is gone has said why on stderr, which the user has seen.
  const isGone = error.code === 'unavailable' && isModuleGone;
  const message = isGone ? error.message.replace(/ Its stderr ends with:\n[^]*$/, '') : error.message;
  return `${error.code}: ${message}${otherIssues(error)}${hint(error, method, info)}`;
}

/** The fields that a schema refused beyond the first, which the message names. */
function otherIssues(error: ModuleError): string {
  return issuesOf(error)
    .slice(1)
    .map(({ path, message }) => `\n  at ${path.join('.')}: ${message}`)
    .join('');
}

function hint({ code }: ModuleError, method: string, info: Initialized): string {
  const { moduleName, capabilities, methods } = info;
  // A handler may use the codes for its own purposes; then the method is there.
  if (code === 'methodNotFound' && methods.length > 0 && !methods.includes(method)) {
    return `\n  ${moduleName} has the stream methods ${methods.join(', ')}.`;
  }
  if (code === 'streamingUnsupported' && capabilities.includes('handle')) {
    return `\n  ${moduleName} answers unary requests: call it with --unary.`;
  }
  if (code === 'unimplemented' && capabilities.includes('serverStream')) {
    return `\n  ${moduleName} has streams: call it without --unary.`;
  }
  return '';
}
