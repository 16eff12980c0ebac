import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { siblingFile } from '../../harness/sibling-file.ts';
import type { HashInput } from '../hash-input.ts';
import { startPeer } from '../child.ts';
import { WORKERS, type Alternative, type Crash } from './alternative.ts';
import type { PicturePart } from './work.ts';

/** Chunks that may be on their way to a worker at once: 1 MiB of 64 KiB each. */
const MAX_ON_THE_WAY = 16;

/** A pool of Piscina with the tasks of `pool-tasks.ts`, buffers moved and not copied wherever that can be. */
export class Pool {
  readonly #pool = new Piscina({
    filename: siblingFile(import.meta.url, './pool-tasks.ts'),
    minThreads: WORKERS,
    maxThreads: WORKERS,
  });

  picture(part: PicturePart): Promise<Uint8Array> {
    return this.#pool.run(part, { name: 'picture' }) as Promise<Uint8Array>;
  }

  /** A task that hashes what it is sent, which Piscina has no word for: a port goes to the worker with the task. */
  hash(): HashTask {
    const { port1, port2 } = new MessageChannel();
    const digest = this.#pool.run({ port: port2 }, { name: 'hash', transferList: [port2] });
    return new HashTask(port1, digest as Promise<Uint8Array>);
  }

  async work(milliseconds: number, signal?: AbortSignal): Promise<void> {
    await this.#pool.run(milliseconds, { name: 'work', ...(signal === undefined ? {} : { signal }) });
  }

  async crash(how: Crash): Promise<void> {
    await this.#pool.run(how, { name: 'crash' });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

export class HashTask {
  readonly #port: MessagePort;
  readonly #digest: Promise<Uint8Array>;
  #onTheWay = 0;
  #onRoom: () => void = () => undefined;

  constructor(port: MessagePort, digest: Promise<Uint8Array>) {
    this.#port = port;
    this.#digest = digest;
    port.on('message', () => {
      this.#onTheWay--;
      this.#onRoom();
    });
  }

  /** Takes the chunk's buffer away. @returns a promise where the sender should wait before the next one */
  write(chunk: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    this.#onTheWay++;
    this.#port.postMessage(chunk, [chunk.buffer]);
    if (this.#onTheWay < MAX_ON_THE_WAY) return undefined;
    return new Promise((resolve) => (this.#onRoom = resolve));
  }

  end(): Promise<Uint8Array> {
    this.#port.postMessage('end');
    return this.#digest;
  }
}

/** Piscina alone, in the process that wants the results. */
export async function poolAlternative(): Promise<Alternative> {
  const pool = new Pool();
  await Promise.all(Array.from({ length: WORKERS }, () => pool.work(0)));
  return {
    picture: (part) => pool.picture(part),
    async hash({ chunk, chunks }: HashInput) {
      const task = pool.hash();
      for (let left = chunks; left > 0; left--) {
        // Whoever gets its input from elsewhere has a buffer of its own for each chunk; here that takes a copy.
        const room = task.write(new Uint8Array(chunk));
        if (room !== undefined) await room;
      }
      return task.end();
    },
    // It needs nobody else: what can keep it waiting is its own event loop.
    ping: () => new Promise((resolve) => void setImmediate(resolve)),
    work: (milliseconds, signal) => pool.work(milliseconds, signal),
    async crash(how) {
      if (how === 'exit') await pool.crash(how).catch(() => undefined);
      // The host itself would be gone, and this process is a benchmark.
      else throw new Error('A pool in this process can\u2019t be killed: see PoolHost.');
    },
    close: () => pool.close(),
  };
}

/** The process of a host with a pool of its own, which can be killed, and whoever starts it again. */
export class PoolHost {
  #host = startPeer('instead/pool-host.ts');

  /** Until the host's pool has answered a call. */
  async ready(): Promise<void> {
    await this.#host.message();
  }

  /** Kills the host from a handler, starts it again, and waits until it answers. */
  async crash(): Promise<void> {
    const gone = this.#host.exited;
    this.#host.process.send('crash');
    await gone;
    this.#host = startPeer('instead/pool-host.ts');
    await this.ready();
  }

  stop(): Promise<void> {
    return this.#host.stop();
  }
}
