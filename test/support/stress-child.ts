import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { streamSource } from '../../src/host/transport/byte-source.ts';
import { HostSession, type HostSessionOptions } from '../../src/host/index.ts';
import { StreamTransport } from '../../src/host/transport/transport.ts';
import { StderrTail } from '../../src/host/transport/stderr-tail.ts';
import { ReadingClock } from './stress-clock.ts';

/** The child's ends: Node's socket pairs, or real pipes that are blocking or non-blocking when the child gets them. */
export type StressTransport = 'socket' | 'blocking pipe' | 'non-blocking pipe';

export interface StressChildOptions extends HostSessionOptions {
  readonly command: readonly [string, ...string[]];
  readonly transport: StressTransport;
  readonly env?: NodeJS.ProcessEnv;
  /** False: nobody reads what the child writes to standard error. */
  readonly readsStderr?: boolean;
  /** Called with what the child writes to standard error, as it comes. */
  readonly onStderr?: (text: string) => void;
}

export interface StressExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A module child whose output the host can stop reading for a while. */
export class StressChild {
  readonly session: HostSession;
  readonly exited: Promise<StressExit>;
  readonly clock = new ReadingClock();
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #stderr: StderrTail | undefined;

  constructor(options: StressChildOptions) {
    const { child, input, output, stderr } =
      options.transport === 'socket'
        ? startOnSockets(options)
        : startOnPipes(options, options.transport === 'non-blocking pipe');
    this.#child = child;
    this.#input = input;
    this.#output = output;
    this.#stderr = options.readsStderr === false ? undefined : new StderrTail(stderr, options.onStderr);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    const end = this.exited.then(({ code, signal }) => ({
      clean: code === 0,
      message: `the child ended with ${code ?? signal ?? 'nothing'}`,
    }));
    this.session = new HostSession(new StreamTransport(streamSource(output), input, end), options);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What the child said last on standard error. */
  get stderr(): string {
    return this.#stderr?.text() ?? '';
  }

  pauseReading(): void {
    this.#output.pause();
    this.clock.pause();
  }

  resumeReading(): void {
    this.#output.resume();
    this.clock.resume();
  }

  /** Settles when the operating system has taken everything that was written so far: all but a pipe's content is the child's. */
  written(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#input.write('', (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  }

  /** Drops the host's end of the child's output: the child's next write finds nobody. */
  closeOutput(): void {
    this.#output.destroy();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly input: Writable;
  readonly output: Readable;
  readonly stderr: Readable;
}

function startOnSockets(options: StressChildOptions): Started {
  const [program, ...args] = options.command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment(options) });
  return { child, input: child.stdin, output: child.stdout, stderr: child.stderr };
}

function startOnPipes(options: StressChildOptions, nonBlocking: boolean): Started {
  const [program, ...args] = options.command;
  const input = makePipe('write', nonBlocking);
  const output = makePipe('read', nonBlocking);
  const errors = makePipe('read', nonBlocking);
  const theirs = [input.readFd, output.writeFd, errors.writeFd];
  const child = spawn(program, args, { stdio: theirs, env: environment(options) });
  for (const descriptor of theirs) closeSync(descriptor);
  return {
    child,
    input: new Socket({ fd: input.writeFd, readable: false, writable: true }),
    output: new Socket({ fd: output.readFd, readable: true, writable: false }),
    stderr: new Socket({ fd: errors.readFd, readable: true, writable: false }),
  };
}

function environment({ env }: StressChildOptions): NodeJS.ProcessEnv {
  return { ...process.env, ...env };
}

/** @param nonBlocking how the end that the child gets is opened; ours always is non-blocking */
function makePipe(ours: 'read' | 'write', nonBlocking: boolean): { readFd: number; writeFd: number } {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-stress-'));
  try {
    const path = join(folder, 'pipe');
    const made = spawnSync('mkfifo', [path]);
    if (made.status !== 0) throw new Error('mkfifo failed');
    const flag = (isOurs: boolean): number => (isOurs || nonBlocking ? constants.O_NONBLOCK : 0);
    // With both ends held, each of the two opens finds the other side there and returns at once.
    const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const readFd = openSync(path, constants.O_RDONLY | flag(ours === 'read'));
    const writeFd = openSync(path, constants.O_WRONLY | flag(ours === 'write'));
    closeSync(both);
    return { readFd, writeFd };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
