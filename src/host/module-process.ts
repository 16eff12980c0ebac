import type { ChildProcess } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SCHEMA_DEFAULT } from '../wire/schema-defaults.ts';
import { MAX_TIMER_MS } from '../base/clock.ts';
import { ModuleError } from '../errors.ts';
import type { HealthReport, Initialized } from '../wire/payload-decode.ts';
import { startChild, type ChildIo, type TransportKind } from './transport/child-io.ts';
import { FailedTransport } from './transport/failed-transport.ts';
import { holdProcess, releaseProcess } from './transport/process-hold.ts';
import { unrefStream } from './transport/byte-source.ts';
import { mayBeIgnored } from './handed-out.ts';
import { HostSession } from './host-session.ts';
import type { HostStream, OpenStreamOptions } from './streams/host-stream.ts';
import type { InvocationOptions } from './invocation-options.ts';
import type { ModuleHost } from './module-host.ts';
import { LAUNCHER_DESCRIPTORS, launcherPrefix, runnerCommand } from './runner-command.ts';
import type { HostSessionOptions, InitializeOptions, KvNotification } from './session-options.ts';
import { copyToStderr, StderrTail } from './transport/stderr-tail.ts';
import { StreamTransport, type TransportEnd } from './transport/transport.ts';

export interface SpawnModuleOptions extends HostSessionOptions {
  /** The module file that our own `serve` loads, relative to the working folder of this process. */
  file?: string | URL;
  /** Number of workers that `serve` starts; by default `serve` chooses. */
  workers?: number;
  /** Number of those that have a thread at all times, from 1; by default all. The others sleep while they have nothing to do. */
  minWorkers?: number;
  /** Time without anything to do after which a worker beyond `minWorkers` is put to sleep, in ms (default 60,000). */
  idleMs?: number;
  /** Further flags of `serve`, or further arguments of `command`. */
  args?: readonly string[];
  /**
   * A command to run instead of our own `serve`, for example a module in another language. Its protocol is on its stdin and stdout.
   */
  command?: readonly [string, ...string[]];
  /**
   * Whether to start through `bin/ixt-launch`, which moves the protocol to descriptors 3 and 4, so that stray prints can't reach
   * it. Default: true for `serve`, false for `command`.
   */
  launcher?: boolean;
  /** Environment variables, added to those of this process. */
  env?: NodeJS.ProcessEnv;
  /** The child's working folder. */
  cwd?: string;
  /** Default `socket`. */
  transport?: TransportKind;
  /**
   * Called with the text that the child writes to stderr, as it comes. The prints of its handlers are in it, too. By default the
   * text is copied to our stderr.
   */
  onStderr?: (text: string) => void;
}

/** The way in which a child ended. Both `code` and `signal` are null for a child that could not be started. */
export interface ModuleExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of the text that it wrote to stderr, at most 65,536 UTF-16 units. */
  readonly stderr: string;
}

/** Time after its drain at which `close` gives the module up in any case, in ms. */
const EXIT_GRACE_MS = 10_000;
/**
 * Time that a module may take to exit after its drain before `close` kills it, in ms. The rest of {@link EXIT_GRACE_MS} is for
 * reading its output.
 */
const KILL_MS = 8_000;
/**
 * The output of a dead child is read in rounds of so many ms. Reading stops when the output ends, when two rounds in a row bring
 * nothing, or after the last round, because a grandchild may hold the output open and even write to it. Each round includes a turn
 * of the event loop, so that a host that was blocked loses nothing.
 */
const OUTPUT_ROUND_MS = 250;
const OUTPUT_ROUNDS = 6;
/** Time that a child which has closed its output or input has to exit before everything pending fails, in ms. */
const SILENT_CHILD_MS = 2_000;
/** Length of the stderr text that is quoted in the errors of calls that fail with the child, in UTF-16 units. */
const MESSAGE_STDERR_UNITS = 2_000;
/** Exit codes of a module that was never able to serve, because its command line or its file is wrong. */
const NEVER_RAN_CODES: readonly (number | null)[] = [64, 78];

/**
 * Starts a module child. If it can't be started, its calls reject and `exited` settles.
 *
 * The host's process may end while the child runs and streams are open, because only a pending promise keeps it alive.
 *
 * @throws TypeError for options that name neither a file nor a command
 */
export function spawnModule(options: SpawnModuleOptions): ModuleProcess {
  return new ModuleProcess(options);
}

/** A module child and the session with it. */
export class ModuleProcess implements ModuleHost {
  /** `undefined` if the system had no room for a child at all. A child whose program was not found has no pid. */
  readonly child: ChildProcess | undefined;
  readonly session: HostSession;
  readonly #stderr: StderrTail | undefined;
  readonly #exit: Promise<ModuleExit>;
  #exited: Promise<ModuleExit> | undefined;

  constructor(options: SpawnModuleOptions) {
    if (options.command === undefined && options.file === undefined) {
      throw new TypeError('spawnModule needs a file or a command.');
    }
    const io = start(options);
    if (io instanceof Error) {
      const exit = { code: null, signal: null, stderr: `${io.message}\n` };
      this.#exit = Promise.resolve(exit);
      this.session = new HostSession(new FailedTransport(describe(exit)), options);
      return;
    }
    this.child = io.child;
    this.#stderr = new StderrTail(io.stderr, options.onStderr ?? copyToStderr);
    const gone = childEnd(io.child);
    this.#exit = gone.then((end) => this.#readOut(io, end));
    const hold = { ref: holdProcess, unref: releaseProcess };
    this.session = new HostSession(
      new StreamTransport(io.source, io.writable, this.#end(io, gone), hold),
      options,
    );
    io.child.unref();
    io.source.unref?.();
    for (const stream of [io.writable, io.stderr]) unrefStream(stream);
  }

  /** `undefined` if the child could not be started. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Resolves when the child is gone and its output is read. Never rejects. Once it was read, it keeps this process alive until it
   * resolves.
   */
  get exited(): Promise<ModuleExit> {
    return (this.#exited ??= holding(this.#exit));
  }

  initialize(init?: InitializeOptions): Promise<Initialized> {
    return this.session.initialize(init);
  }

  health(): Promise<HealthReport> {
    return this.session.health();
  }

  request(method: string, body: Uint8Array, options?: InvocationOptions): Promise<Uint8Array> {
    return this.session.request(method, body, options);
  }

  notifyKv(change: KvNotification): void {
    this.session.notifyKv(change);
  }

  openStream(method: string, options?: OpenStreamOptions): HostStream {
    return this.session.openStream(method, options);
  }

  shutdown(options?: { drainMs?: number }): Promise<void> {
    return this.session.shutdown(options);
  }

  /** Ends the child's input. */
  endInput(): void {
    this.session.endInput();
  }

  /** Sends a signal, SIGKILL by default. Returns false if the child is gone or was never started. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    // Without this check the signal of a child without a pid would go to this process's own group.
    return this.child?.pid === undefined ? false : this.child.kill(signal);
  }

  /**
   * Lets the module drain for at most `drainMs` milliseconds (default 5,000) and waits until it has exited. A module that has not
   * exited eight seconds after that is killed. Resolves within ten seconds after the drain. Then nothing of the child keeps this
   * process alive, even if other processes have inherited its pipes. It may be called again, with a shorter time.
   *
   * Rejects with a ModuleError `invalidArgument` for a time that is negative or not a number.
   */
  close(options: { drainMs?: number } = {}): Promise<ModuleExit> {
    return mayBeIgnored(holding(this.#close(options.drainMs ?? SCHEMA_DEFAULT.drainMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<ModuleExit> {
    if (!(drainMs >= 0))
      throw new ModuleError('invalidArgument', `A drain time of ${drainMs} ms; it must be 0 or more.`);
    const drain = Math.min(Math.ceil(drainMs), MAX_TIMER_MS - EXIT_GRACE_MS);
    let givesUp = (): void => undefined;
    const late = new Promise<undefined>((resolve) => (givesUp = () => resolve(undefined)));
    const timers = [
      setTimeout(() => this.kill(), drain + KILL_MS),
      setTimeout(() => givesUp(), drain + EXIT_GRACE_MS),
    ];
    try {
      // An error is ignored here, because a module that is gone or refuses has nothing to drain, and its exit is reported anyway.
      void this.shutdown({ drainMs: drain }).then(
        () => this.endInput(),
        () => this.endInput(),
      );
      return (await Promise.race([this.#exit, late])) ?? this.#giveUp();
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  /** Gives the child up, because the system has not ended it although it was killed. */
  #giveUp(): ModuleExit {
    this.session.close();
    this.#stderr?.destroy();
    const said = this.#stderr?.text() ?? '';
    return { code: null, signal: null, stderr: `${said}\nThe module was killed and is still there.\n` };
  }

  /** Waits until everything that the dead child wrote is read, then closes its pipes. */
  async #readOut(io: ChildIo, end: ChildEnd): Promise<ModuleExit> {
    const ended = Promise.all([io.source.closed, this.#stderr?.ended]);
    let closed = false;
    for (let round = 0, idle = 0, seen = -1; !closed && round < OUTPUT_ROUNDS && idle < 2; round++) {
      closed = await settlesWithin(ended, OUTPUT_ROUND_MS);
      const { bytesIn } = this.session.stats;
      idle = bytesIn === seen ? idle + 1 : 0;
      seen = bytesIn;
    }
    if (!closed) this.session.close();
    this.#stderr?.destroy();
    io.writable.destroy();
    const failure = end.failure === undefined ? '' : `${end.failure.message}\n`;
    return { code: end.code, signal: end.signal, stderr: failure + (this.#stderr?.text() ?? '') };
  }

  async #end({ source, writable }: ChildIo, gone: Promise<ChildEnd>): Promise<TransportEnd> {
    const exit = this.#exit.then((info) => describe(info));
    const inputLost = new Promise<string>((resolve) => {
      // An error after our own end of the input tells nothing new.
      writable.on('error', () => {
        if (!writable.writableEnded) resolve('input');
      });
    });
    const what = await Promise.race([source.closed.then(() => 'output'), inputLost]);
    if (await settlesWithin(gone, SILENT_CHILD_MS)) return exit;
    source.destroy();
    return { clean: false, message: `The module has closed its ${what} but still runs.` };
  }
}

/** Starts the child. Returns the error if it can't be started. */
function start(options: SpawnModuleOptions): ChildIo | Error {
  try {
    return startChild({
      command: commandOf(options),
      transport: options.transport ?? 'socket',
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

/** Returns `promise` itself, and keeps the process alive until it settles. */
function holding<T>(promise: Promise<T>): Promise<T> {
  holdProcess();
  void promise.then(releaseProcess, releaseProcess);
  return promise;
}

/** Whether `promise`, which never rejects, settles within `ms`. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms).unref();
  });
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The child could not be started. */
  readonly failure?: Error;
}

function childEnd(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // The event is also emitted for a kill that fails, long after the start.
    child.on('error', (failure) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, failure });
    });
  });
}

function describe(exit: ModuleExit): TransportEnd {
  const how =
    exit.code !== null
      ? `exited with code ${exit.code}`
      : exit.signal !== null
        ? `was ended by ${exit.signal}`
        : 'could not be started';
  const tail = exit.stderr.slice(-MESSAGE_STDERR_UNITS).trim();
  const message = `The module ${how}.${tail === '' ? '' : ` Its stderr ends with:\n${tail}`}`;
  const isStarted = exit.code !== null || exit.signal !== null;
  return { message, clean: exit.code === 0, neverRan: !isStarted || NEVER_RAN_CODES.includes(exit.code) };
}

function commandOf(options: SpawnModuleOptions): string[] {
  const args = options.args ?? [];
  if (options.command !== undefined) {
    return [...(options.launcher === true ? launcherPrefix() : []), ...options.command, ...args];
  }
  const { file: source = '' } = options;
  const file = source instanceof URL ? fileURLToPath(source) : resolvePath(source);
  const numbers = [
    ['--workers', options.workers],
    ['--min-workers', options.minWorkers],
    ['--idle-ms', options.idleMs],
  ] as const;
  const flags = numbers.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
  const serve = [...runnerCommand(), 'serve', file, ...flags, ...args];
  if (options.launcher === false) return serve;
  return [...launcherPrefix(), ...serve, '--descriptors', LAUNCHER_DESCRIPTORS];
}
