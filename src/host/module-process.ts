import type { ChildProcess } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HealthReport, Initialized } from '../wire/payload-decode.ts';
import { startChild, type TransportKind } from './transport/child-io.ts';
import { HostSession } from './host-session.ts';
import type { HostStream, OpenStreamOptions } from './streams/host-stream.ts';
import type { InvocationOptions } from './invocation-options.ts';
import type { ModuleHost } from './module-host.ts';
import { LAUNCHER_DESCRIPTORS, launcherPrefix, runnerCommand } from './runner-command.ts';
import type { HostSessionOptions, InitializeOptions, KvNotification } from './session-options.ts';
import { StderrTail } from './transport/stderr-tail.ts';
import { StreamTransport, type TransportEnd } from './transport/transport.ts';

export interface SpawnModuleOptions extends HostSessionOptions {
  /** The module file that our own `serve` loads, relative to the working folder of this process. */
  file?: string | URL;
  /** How many workers `serve` starts; by default its own choice. */
  workers?: number;
  /** Further flags of `serve`, or further arguments of `command`. */
  args?: readonly string[];
  /** Run this instead of our own `serve`: a module in another language, say. It speaks on its stdin and stdout. */
  command?: readonly [string, ...string[]];
  /**
   * Start through `bin/ixt-launch`, which moves the protocol to descriptors 3 and 4, so that stray prints can't reach it.
   * Default: true for `serve`, false for `command`.
   */
  launcher?: boolean;
  /** Variables on top of those of this process. */
  env?: NodeJS.ProcessEnv;
  /** The child's working folder. */
  cwd?: string;
  /** Default `socket`. */
  transport?: TransportKind;
  /** Called with what the child writes to stderr, as it comes. */
  onStderr?: (text: string) => void;
}

/** How a child ended. Both `code` and `signal` are null for one that could not be started. */
export interface ModuleExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 64 KiB of what it wrote to stderr. */
  readonly stderr: string;
}

/** How long after its drain a module may take to go away before `close` kills it. */
const EXIT_GRACE_MS = 10_000;
/** A dead child's output counts as ended when nothing of it came for two such rounds: a grandchild may hold it open. */
const OUTPUT_ROUND_MS = 250;
/** A child that has closed its output but stays has this long to exit before what is pending fails. */
const SILENT_CHILD_MS = 2_000;
/** How much of stderr goes into the message of what fails with the child. */
const MESSAGE_STDERR_UNITS = 2_000;

/** Starts a module child. Errors of the start show through the calls and `exited`. */
export function spawnModule(options: SpawnModuleOptions): ModuleProcess {
  return new ModuleProcess(options);
}

/** A module child and the session with it. */
export class ModuleProcess implements ModuleHost {
  readonly child: ChildProcess;
  readonly session: HostSession;
  /** Settles when the child is gone and its output is read. Never rejects. */
  readonly exited: Promise<ModuleExit>;
  readonly #stderr: StderrTail;
  readonly #outputClosed: Promise<void>;

  constructor(options: SpawnModuleOptions) {
    const io = startChild({
      command: commandOf(options),
      transport: options.transport ?? 'socket',
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    this.child = io.child;
    this.#stderr = new StderrTail(io.stderr, options.onStderr);
    this.#outputClosed = io.source.closed;
    const gone = childEnd(io.child);
    this.exited = gone.then((end) => this.#readOut(end));
    this.session = new HostSession(new StreamTransport(io.source, io.writable, this.#end(gone)), options);
  }

  /** Undefined where the child could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
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

  /** Sends a signal, SIGKILL by default; false when the child is gone. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.child.kill(signal);
  }

  /**
   * Lets the module drain for at most `drainMs` (default 5,000) and waits until it has exited; one that doesn't is killed ten
   * seconds later.
   */
  async close(options: { drainMs?: number } = {}): Promise<ModuleExit> {
    const { drainMs = 5_000 } = options;
    const timer = setTimeout(() => this.kill(), drainMs + EXIT_GRACE_MS);
    try {
      // A module that is gone already, or refuses, has nothing to drain; its exit says the rest.
      await this.shutdown({ drainMs }).catch(() => undefined);
      this.endInput();
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until everything that the dead child wrote is read. */
  async #readOut(end: ChildEnd): Promise<ModuleExit> {
    const ended = Promise.all([this.#outputClosed, this.#stderr.ended]);
    let closed = await settlesWithin(ended, OUTPUT_ROUND_MS);
    for (let idleRounds = 0, seen = -1; !closed && idleRounds < 2;) {
      closed = await settlesWithin(ended, OUTPUT_ROUND_MS);
      const { bytesIn } = this.session.stats;
      idleRounds = bytesIn === seen ? idleRounds + 1 : 0;
      seen = bytesIn;
    }
    const failure = end.failure === undefined ? '' : `${end.failure.message}\n`;
    if (!closed) this.session.close();
    return { code: end.code, signal: end.signal, stderr: failure + this.#stderr.text() };
  }

  async #end(gone: Promise<ChildEnd>): Promise<TransportEnd> {
    const exit = this.exited.then((info) => describe(info));
    await this.#outputClosed;
    if (await settlesWithin(gone, SILENT_CHILD_MS)) return exit;
    return { clean: false, message: 'The module has closed its output but still runs.' };
  }
}

/** Whether `promise`, which never rejects, settles within `ms`. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
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
    // Also emitted for a kill that fails, long after the start.
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
  return { message, clean: exit.code === 0 };
}

function commandOf(options: SpawnModuleOptions): string[] {
  const args = options.args ?? [];
  if (options.command !== undefined) {
    return [...(options.launcher === true ? launcherPrefix() : []), ...options.command, ...args];
  }
  if (options.file === undefined) throw new TypeError('spawnModule needs a file or a command.');
  const file = options.file instanceof URL ? fileURLToPath(options.file) : resolvePath(options.file);
  const workers = options.workers === undefined ? [] : ['--workers', String(options.workers)];
  const serve = [...runnerCommand(), 'serve', file, ...workers, ...args];
  if (options.launcher === false) return serve;
  return [...launcherPrefix(), ...serve, '--descriptors', LAUNCHER_DESCRIPTORS];
}
