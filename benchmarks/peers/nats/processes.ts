import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Processes of one contestant, which end with it. */
export class Processes {
  readonly #all: ChildProcess[] = [];

  /**
   * Starts a process and waits for a line that says it is ready, on standard error or output.
   *
   * @throws Error with what it said, if it ends before that
   */
  async start(program: string, args: readonly string[], isReady: RegExp): Promise<ChildProcess> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#all.push(child);
    const said: string[] = [];
    const hear = (stream: Readable): Promise<void> =>
      new Promise((resolve) => {
        // It is read to its end, since a full pipe would stop the process.
        createInterface({ input: stream }).on('line', (line) => {
          said.push(line);
          if (isReady.test(line)) resolve();
        });
      });
    const ended = new AbortController();
    const failed = once(child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error(`${program} did not start: ${said.join('\n')}`);
    });
    await Promise.race([hear(child.stdout), hear(child.stderr), failed]);
    failed.catch(() => undefined);
    ended.abort();
    return child;
  }

  /** Kills all, the last one first, and waits until they are gone. */
  async end(): Promise<void> {
    for (const child of this.#all.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }
}

/** Whether this machine has one to start. */
export function hasNatsServer(): boolean {
  return spawnSync('nats-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** A `nats-server` on a port of its own. */
export async function startNatsServer(
  processes: Processes,
): Promise<{ readonly url: string; readonly serverPid: number }> {
  const port = await freePort();
  const args = ['-a', '127.0.0.1', '-p', String(port)];
  const { pid = 0 } = await processes.start('nats-server', args, /Server is ready/);
  return { url: `nats://127.0.0.1:${port}`, serverPid: pid };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
