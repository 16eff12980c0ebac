import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pipeSource, streamSource, type ByteSource } from './byte-source.ts';
import { openPipe } from './fifo.ts';

/** How the protocol's bytes travel: the socket pairs of Node's own spawn, or real pipes. */
export type TransportKind = 'socket' | 'pipe';

/** A started child with the host's ends of its three streams. */
export interface ChildIo {
  readonly child: ChildProcess;
  readonly stderr: Readable;
  /** The child's protocol output. */
  readonly source: ByteSource;
  /** The child's protocol input. */
  readonly writable: Writable;
}

export interface ChildIoOptions {
  readonly command: readonly string[];
  readonly transport: TransportKind;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
}

/** Starts `command`. A command that can't start shows in the child's `error` event, not here. */
export function startChild(options: ChildIoOptions): ChildIo {
  return options.transport === 'socket' ? startOnSockets(options) : startOnPipes(options);
}

function startOnSockets(options: ChildIoOptions): ChildIo {
  const child = run(options, ['pipe', 'pipe', 'pipe']);
  return {
    child,
    stderr: present(child.stderr),
    source: streamSource(present(child.stdout)),
    writable: present(child.stdin),
  };
}

function startOnPipes(options: ChildIoOptions): ChildIo {
  const input = openPipe('write');
  const output = openPipe('read');
  try {
    const child = run(options, [input.readFd, output.writeFd, 'pipe']);
    return {
      child,
      stderr: present(child.stderr),
      source: pipeSource(output.readFd),
      writable: new Socket({ fd: input.writeFd, readable: false, writable: true }),
    };
  } finally {
    // The child has its own copies; ours would keep the pipes open after its end.
    closeSync(input.readFd);
    closeSync(output.writeFd);
  }
}

function run(options: ChildIoOptions, stdio: StdioOptions): ChildProcess {
  const [program = '', ...args] = options.command;
  const { cwd, env } = options;
  return spawn(program, args, { stdio, env, ...(cwd === undefined ? {} : { cwd }) });
}

function present<T>(stream: T | null): T {
  if (stream === null) throw new Error('The child was started without this stream.');
  return stream;
}
