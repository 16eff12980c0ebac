import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-files.ts';
import { startChild } from '../../host/transport/child-io.ts';
import { EXIT } from '../../main/options.ts';
import { checkModuleFile } from '../open-module.ts';
import type { RecordedExit } from '../recording/file-format.ts';
import type { WireEvent } from '../recording/timeline.ts';
import { CliError } from '../terminal/failure.ts';
import { ReplayPlayer, type Played } from './player.ts';

/** A module that doesn't end by itself when its host has gone is killed after that time, in ms. */
const EXIT_MS = 15_000;

/** A command that speaks the protocol on its standard input and output, and the folder that it runs in. */
export interface ModuleCommand {
  readonly command: readonly string[];
  /** Undefined: this process's own. */
  readonly cwd: string | undefined;
}

export interface PlayOptions {
  /** When the recording began, in ms since the epoch. */
  readonly startedUnixMs: number;
  readonly patienceMs: number;
  readonly onStderr: (bytes: Uint8Array) => void;
  /** Aborted, it ends the module. */
  readonly signal?: AbortSignal;
}

/** The command that serves a module file as it is now. @throws CliError where there is no such file */
export async function commandOfFile(file: string, workers: number | undefined): Promise<ModuleCommand> {
  await checkModuleFile(file);
  const flags = workers === undefined ? [] : ['--workers', String(workers)];
  const runner = join(packageRoot(), 'bin/ixt-module');
  return { command: ['/bin/sh', runner, 'serve', file, ...flags], cwd: undefined };
}

/** Starts a module, plays the events of a host to it, and waits until it is gone. @throws CliError where it can't be started */
export async function playTo(
  { command, cwd }: ModuleCommand,
  events: readonly WireEvent[],
  { startedUnixMs, patienceMs, onStderr, signal }: PlayOptions,
): Promise<Played & { readonly exit: RecordedExit }> {
  const io = startChild({ command, cwd, transport: 'socket', env: process.env });
  io.stderr.on('data', onStderr);
  const exited = exitOf(io.child);
  const player = new ReplayPlayer(io, startedUnixMs, patienceMs);
  signal?.addEventListener('abort', () => io.child.kill(), { once: true });
  let timer: NodeJS.Timeout | undefined;
  const played = player.play(events).then(() => {
    io.writable.end();
    timer = setTimeout(() => io.child.kill('SIGKILL'), EXIT_MS);
  });
  // Both: a command that can't be started must not be played to.
  const [exit] = await Promise.all([exited, played]);
  clearTimeout(timer);
  return { ...player.result(), exit };
}

/** Settles when the child is gone and what it wrote is read. */
function exitOf(child: ChildProcess): Promise<RecordedExit> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const mend = 'Give the module with --module FILE, or start replay where the recorded command can run.';
      reject(new CliError(EXIT.usage, `the recorded command can't be started: ${error.message}`, mend));
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
