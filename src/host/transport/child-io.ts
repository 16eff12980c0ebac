import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pipeSource, streamSource, type ByteSource } from './byte-source.ts';
import { openPipe, type PipeEnds } from './fifo.ts';

/** The kind of connection for the protocol's bytes: the socket pairs of Node's own spawn, or real pipes. */
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

/**
 * Starts `command`. If the program is not found, the child emits `error`.
 *
 * @throws Error if the system has no room for a child (no descriptors or pipes left, arguments too long). Nothing is left open then
 */
export function startChild(options: ChildIoOptions): ChildIo {
  return options.transport === 'socket' ? startOnSockets(options) : startOnPipes(options);
}

function startOnSockets(options: ChildIoOptions): ChildIo {
  const child = run(options, ['pipe', 'pipe', 'pipe']);
  const writable = present(child.stdin);
  return { child, stderr: present(child.stderr), source: streamSource(present(child.stdout)), writable };
}

function startOnPipes(options: ChildIoOptions): ChildIo {
  const opened: number[] = [];
  const pipe = (nonBlocking: 'read' | 'write'): PipeEnds => {
    const ends = openPipe(nonBlocking);
    opened.push(ends.readFd, ends.writeFd);
    return ends;
  };
  try {
    const input = pipe('write');
    const output = pipe('read');
    const child = run(options, [input.readFd, output.writeFd, 'pipe']);
    const stderr = present(child.stderr);
    const source = pipeSource(output.readFd);
    const writable = new Socket({ fd: input.writeFd, readable: false, writable: true });
    // The child has its own copies of its ends, so ours are closed: they would keep the pipes open after the child's end. The
    // sockets own the other ends.
    opened.splice(0, opened.length, input.readFd, output.writeFd);
    return { child, stderr, source, writable };
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function run(options: ChildIoOptions, stdio: StdioOptions): ChildProcess {
  const [program = '', ...args] = options.command;
  const { cwd, env } = options;
  const child = spawn(program, args, { stdio, env, ...(cwd === undefined ? {} : { cwd }) });
  // The error is also visible by the missing pid or the missing streams. Without a listener it would end the host.
  child.on('error', () => undefined);
  return child;
}

/**
 * Checks that a stream of the child exists. If no descriptor is left for its pipes, Node returns a child without streams, against
 * its own types.
 */
function present<T>(stream: T | null | undefined): T {
  if (stream !== null && stream !== undefined) return stream;
  throw new Error('No file descriptor is left for the pipes of a child (EMFILE or ENFILE).');
}
