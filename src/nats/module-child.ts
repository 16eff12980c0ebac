import { once } from 'node:events';
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAUNCHER_DESCRIPTORS, launcherPrefix, runnerCommand } from '../host/runner-command.ts';
import { startChild } from '../host/transport/child-io.ts';
import { StderrTail } from '../host/transport/stderr-tail.ts';
import { StreamTransport, type Transport, type TransportEnd } from '../host/transport/transport.ts';

export interface ChildOptions {
  /** The module file that `serve` loads. */
  readonly file: string | URL;
  readonly workers?: number;
  /** Further flags of `serve`. */
  readonly args?: readonly string[];
  readonly onStderr?: (text: string) => void;
}

/** A module child whose bytes somebody else reads. */
export interface ModuleChild {
  readonly transport: Transport;
  /** Settles when it is gone. Never rejects. */
  readonly exited: Promise<TransportEnd>;
  kill(): void;
}

/** How much of stderr goes into the message of what fails with the child. */
const MESSAGE_STDERR_UNITS = 2_000;

/** Starts `serve` with the module. A child that can't start shows in `exited`. */
export function startModuleChild({ file, workers, args = [], onStderr }: ChildOptions): ModuleChild {
  const path = file instanceof URL ? fileURLToPath(file) : resolvePath(file);
  const flags = [...(workers === undefined ? [] : ['--workers', String(workers)]), ...args];
  const command = [
    ...launcherPrefix(),
    ...runnerCommand(),
    'serve',
    path,
    ...flags,
    '--descriptors',
    LAUNCHER_DESCRIPTORS,
  ];
  const io = startChild({ command, transport: 'socket', env: process.env, cwd: undefined });
  const stderr = new StderrTail(io.stderr, onStderr);
  const gone = once(io.child, 'exit').then(
    ([code, signal]: (number | string | null)[]) => ({
      how: code === null ? `was ended by ${signal}` : `exited with code ${code}`,
      clean: code === 0,
    }),
    (error: Error) => ({ how: `could not be started: ${error.message}`, clean: false }),
  );
  const exited = Promise.all([gone, io.source.closed]).then(([{ how, clean }]) => {
    const tail = stderr.text().slice(-MESSAGE_STDERR_UNITS).trim();
    const said = tail === '' ? '' : ` Its stderr ends with:\n${tail}`;
    return { clean, message: `The module ${how}.${said}` };
  });
  return {
    transport: new StreamTransport(io.source, io.writable, exited),
    exited,
    kill: () => void io.child.kill('SIGKILL'),
  };
}
