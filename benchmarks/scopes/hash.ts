import { once } from 'node:events';
import { startChild } from '../../src/host/transport/child-io.ts';
import type { Carrier, Contest, Contestant, Measurement } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { siblingFile } from '../harness/sibling-file.ts';
import { HashInput } from '../peers/hash-input.ts';
import { spawnLoadModule } from '../peers/ixt.ts';
import { transportOf } from './bulk.ts';

const WORKERS = 2;
const CHUNK_BYTES = 65_536;

/** sha256 of what is streamed, beside plain processes that read a pipe each and hash. */
export function hashContests(options: BenchOptions): Contest[] {
  const input = new HashInput(CHUNK_BYTES, options.smoke ? 64 : Math.round(2_048 * options.seconds));
  return (['pipes', 'socket pairs'] as const).map((carrier) => ({
    scope: 'hash',
    carrier,
    title: `sha256 of ${WORKERS} streams of ${Math.round(input.bytes / 2 ** 20)} MiB, ${WORKERS} workers`,
    unit: 'MB/s',
    contestants: [() => onModule(input, carrier), () => onProcesses(input, carrier)],
    targets: [{ of: 'ixt', against: PROCESSES, atLeast: 0.9 }],
  }));
}

const PROCESSES = `${WORKERS} plain processes`;

async function onModule(input: HashInput, carrier: Carrier): Promise<Contestant> {
  const module = spawnLoadModule({ workers: WORKERS, transport: transportOf(carrier) });
  await module.initialize();
  return {
    name: 'ixt',
    measure: () =>
      timed(
        input,
        Array.from({ length: WORKERS }, () => async () => {
          const stream = module.openStream('hash-input');
          for (let left = input.chunks; left > 0; left--) {
            if (!stream.trySend(input.chunk)) await stream.send(input.chunk);
          }
          stream.end();
          for await (const digest of stream) input.check('ixt', digest);
        }),
      ),
    close: async () => void (await module.close()),
  };
}

async function onProcesses(input: HashInput, carrier: Carrier): Promise<Contestant> {
  const processes = await Promise.all(
    Array.from({ length: WORKERS }, () => HashProcess.start(input, carrier)),
  );
  return {
    name: PROCESSES,
    measure: () =>
      timed(
        input,
        processes.map((process) => () => process.hash(input)),
      ),
    close: async () => void (await Promise.all(processes.map((process) => process.stop()))),
  };
}

/** Megabytes a second of all that hash at once, until the last digest is here. */
async function timed(input: HashInput, all: readonly (() => Promise<void>)[]): Promise<Measurement> {
  const start = performance.now();
  await Promise.all(all.map((hash) => hash()));
  const seconds = (performance.now() - start) / 1000;
  return { value: (all.length * input.bytes) / 1e6 / seconds };
}

/** `peers/hash-process.ts`, over the same kind of connection and the same reader as ours. */
class HashProcess {
  readonly #io: ReturnType<typeof startChild>;
  #onDigest: (digest: Uint8Array) => void = () => undefined;

  private constructor(input: HashInput, carrier: Carrier) {
    const file = siblingFile(import.meta.url, '../peers/hash-process.ts');
    const command = [process.execPath, file, String(input.bytes)];
    this.#io = startChild({ command, transport: transportOf(carrier), env: process.env, cwd: undefined });
    this.#io.stderr.pipe(process.stderr);
    this.#io.source.listen((bytes) => this.#onDigest(bytes));
  }

  static async start(input: HashInput, carrier: Carrier): Promise<HashProcess> {
    const process = new HashProcess(input, carrier);
    await process.#digest();
    return process;
  }

  async hash(input: HashInput): Promise<void> {
    const digest = this.#digest();
    for (let left = input.chunks; left > 0; left--) {
      if (!this.#io.writable.write(input.chunk)) await once(this.#io.writable, 'drain');
    }
    input.check(PROCESSES, await digest);
  }

  async stop(): Promise<void> {
    const exited = once(this.#io.child, 'exit');
    this.#io.child.kill('SIGKILL');
    await exited;
    this.#io.writable.destroy();
    this.#io.source.destroy();
  }

  #digest(): Promise<Uint8Array> {
    return new Promise((resolve) => (this.#onDigest = resolve));
  }
}
