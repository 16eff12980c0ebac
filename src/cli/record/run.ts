import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { EXIT } from '../../main/options.ts';
import { openRecording } from '../recording/write-file.ts';
import { CliError } from '../terminal/failure.ts';

/** Time that the host may take to read the module's last bytes before the recorder ends, in ms. */
const LAST_BYTES_MS = 5_000;

/**
 * Runs `command` on this process's standard input and output, keeps what passes, and ends as it ends.
 *
 * @throws CliError where there is no host, or the file can't be made
 */
export async function runRecord(
  command: readonly [string, ...string[]],
  out: string,
  isForced: boolean,
): Promise<void> {
  if (isatty(0) || isatty(1)) {
    throw new CliError(
      EXIT.usage,
      'record stands between a host and a module: standard input and output carry a binary protocol, and one of\n' +
        'them is a terminal here',
      'Let the host start it in place of the module’s command.',
    );
  }
  const log = openRecording(out, isForced);
  const [program, ...args] = command;
  // In a group of its own: ^C on a terminal would reach the module twice, and the second signal ends it at once.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const { stdin, stdout } = child;
  log.begin(command);

  process.stdin.on('data', (bytes: Uint8Array) => {
    log.add('hostBytes', bytes);
    if (stdin.writable && !stdin.write(bytes)) process.stdin.pause();
  });
  stdin.on('drain', () => process.stdin.resume());
  process.stdin.on('end', () => {
    log.add('hostEnd');
    stdin.end();
  });
  // A module that is gone reads nothing more; its exit says so.
  stdin.on('error', () => process.stdin.resume());

  stdout.on('data', (bytes: Uint8Array) => {
    log.add('moduleBytes', bytes);
    if (!process.stdout.write(bytes)) stdout.pause();
  });
  process.stdout.on('drain', () => stdout.resume());
  // The host has gone: the module's next write finds nobody, as without us.
  process.stdout.on('error', () => stdout.destroy());
  stdout.on('end', () => log.add('moduleEnd'));

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const { code, signal } = await ended(child, program).catch((error: unknown) => {
    log.discard();
    throw error;
  });
  log.add('exit', Buffer.from(JSON.stringify({ code, signal })));
  log.close();
  const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  const timer = setTimeout(() => process.exit(exitCode), LAST_BYTES_MS);
  process.stdout.write('', () => {
    clearTimeout(timer);
    process.exit(exitCode);
  });
}

function ended(
  child: ChildProcess,
  program: string,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? `there is no program ${program}` : error.message;
      reject(new CliError(EXIT.usage, `the command can't be started: ${why}`, 'Put -- before the command.'));
    });
    // Not `exit`: what the module wrote last is still to come.
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
