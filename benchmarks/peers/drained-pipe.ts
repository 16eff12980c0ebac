import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { openPipe } from '../../src/host/transport/fifo.ts';
import { siblingFile } from '../harness/sibling-file.ts';

/** How long a drain may take before the writer counts as stuck, in ms. */
const STUCK_MS = 60_000;

/** A real pipe whose other end is read by a process of its own as fast as it goes, blocking and without decoding. */
export class DrainedPipe {
  /** The writer's end, for its standard streams; {@link release} it once the writer has it. */
  readonly writeFd: number;
  readonly #reader: ChildProcess;

  private constructor(writeFd: number, reader: ChildProcess) {
    this.writeFd = writeFd;
    this.#reader = reader;
  }

  static async open(): Promise<DrainedPipe> {
    const { readFd, writeFd: nonBlocking } = openPipe('write');
    // Both ends block: the reader waits in read(2), and a writer that wants otherwise says so itself.
    const writeFd = openSync(`/dev/fd/${nonBlocking}`, 'w');
    closeSync(nonBlocking);
    const file = siblingFile(import.meta.url, './drain.ts');
    const reader = spawn(process.execPath, [file], { stdio: [readFd, 'ignore', 'inherit', 'ipc'] });
    closeSync(readFd);
    await once(reader, 'message');
    return new DrainedPipe(writeFd, reader);
  }

  release(): void {
    closeSync(this.writeFd);
  }

  /**
   * Runs `write` and waits until exactly `bytes` have come from `writer`.
   *
   * @returns seconds from the first read to the last
   */
  async take(bytes: number, writer: ChildProcess, write: () => void): Promise<number> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(STUCK_MS)]);
    const done = once(this.#reader, 'message', { signal });
    const gone = once(writer, 'exit', { signal }).then(([code]) => {
      throw new Error(`The writer has exited with code ${code}.`);
    });
    this.#reader.send({ bytes });
    write();
    const [{ left, seconds }] = (await Promise.race([done, gone])) as [{ left: number; seconds: number }];
    gone.catch(() => undefined);
    stop.abort();
    if (left !== 0) throw new Error(`The writer lost data: ${left} of ${bytes} bytes are missing.`);
    return seconds;
  }

  async close(): Promise<void> {
    const exited = once(this.#reader, 'exit');
    this.#reader.kill('SIGKILL');
    await exited;
  }
}
