import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostStream, ModuleProcess } from '../../../src/host/index.ts';
import { built } from '../../support/built.ts';
import { decodeMessage } from '../../support/decoded-message.ts';
import { startModule } from '../../support/module.ts';
import { Surroundings } from './takings.ts';

export const WORKERS = 3;
/** Tries to start a worker follow one another in 5 s at most; what is not there after this long hangs. */
const HANG_MS = 30_000;
/** Between two questions for the same thing, in ms. */
const LOOK_MS = 10;

/** How often the child has said that workers are missing, and that all serve again. */
export interface Told {
  readonly lost: number;
  readonly regained: number;
}

/** An echo that holds its worker. */
export interface RunningEcho {
  answers(): Promise<void>;
  ends(): Promise<void>;
}

/** A child, what it needs from the system, and a count of everything that it owes. */
export class ScarceChild {
  readonly surroundings: Surroundings;
  readonly #module: ModuleProcess;
  /** How many terminal frames came for each stream that was opened. */
  readonly #terminals = new Map<string, number>();
  #stderr = '';

  /** Resolves when all its workers serve. */
  static async start(t: TestContext): Promise<ScarceChild> {
    const child = new ScarceChild(t);
    await child.#module.initialize();
    child.surroundings.adopt(child.#module.child?.pid ?? 0);
    await child.allServe();
    return child;
  }

  private constructor(t: TestContext) {
    this.surroundings = new Surroundings(built.fixture('dies'));
    const [program, ...args] = built.serve('dies');
    const { cwd, env, moduleFile } = this.surroundings;
    const serve = args.map((arg) => (arg === built.fixture('dies') ? moduleFile : arg));
    this.#module = startModule(t, {
      command: ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh', program, ...serve],
      args: ['--workers', String(WORKERS), '--cancel-grace-ms', '50'],
      cwd,
      env,
      onStderr: (text) => void (this.#stderr += text),
      onWire: (direction, bytes) => {
        if (direction === 'in') this.#count(bytes);
      },
    });
    t.after(async () => {
      this.#module.kill();
      await this.#module.exited;
      this.surroundings.remove();
    });
  }

  open(method: string): HostStream {
    const stream = this.#module.openStream(method);
    this.#terminals.set(stream.id, 0);
    return stream;
  }

  health(): ReturnType<ModuleProcess['health']> {
    return inTime(this.#module.health(), 'health');
  }

  /** A worker's thread ends: its handler exits, or it computes and is cancelled. Resolves at the stream's terminal frame. */
  async die(how: 'exit' | 'hang'): Promise<void> {
    const stream = this.open(how);
    const closed = inTime(stream.closed, `a stream of ${how}`);
    if (how === 'exit') return assert.rejects(closed, { code: 'workerCrashed' });
    const rejected = assert.rejects(closed, { code: 'cancelled' });
    await inTime(stream.next(), 'the first answer of hang');
    stream.cancel('the round ends it');
    return rejected;
  }

  /** One echo from its Open to its Close. */
  async echo(): Promise<void> {
    const echo = await this.runningEcho();
    await echo.ends();
  }

  async runningEcho(): Promise<RunningEcho> {
    const stream = this.open('echo');
    const answers = async (): Promise<void> => {
      await stream.send(Uint8Array.of(7));
      const { value } = await inTime(stream.next(), 'the answer of an echo');
      assert.deepEqual(value, Uint8Array.of(7));
    };
    await answers();
    return {
      answers,
      ends: () => {
        stream.end();
        return inTime(stream.closed, 'the end of an echo');
      },
    };
  }

  /** Each worker runs an echo of its own at the same time, and nothing is open afterwards. */
  async allServe(): Promise<void> {
    await this.#until(async () => (await this.health()).workers === WORKERS, 'all workers');
    const echoes = await Promise.all(Array.from({ length: WORKERS }, () => this.runningEcho()));
    const { busyWorkers } = await this.health();
    assert.equal(busyWorkers, WORKERS);
    await Promise.all(echoes.map((echo) => echo.ends()));
    await this.#until(async () => (await this.health()).openStreams === 0, 'the end of all streams');
  }

  told(): Told {
    const count = (text: string): number => this.#stderr.split(text).length - 1;
    return { lost: count('missing workers: '), regained: count('workers serve again') };
  }

  async untilTold(told: Told): Promise<void> {
    const isTold = async (): Promise<boolean> => {
      await this.health();
      return this.told().lost >= told.lost && this.told().regained >= told.regained;
    };
    await this.#until(isTold, 'the line that workers are missing');
  }

  /** Ends it, and checks that each stream had one terminal frame. @returns how many there were */
  async close(): Promise<number> {
    const { code, signal } = await this.#module.close();
    assert.deepEqual([code, signal], [0, null]);
    const wrong = [...this.#terminals].filter(([, terminals]) => terminals !== 1);
    assert.deepEqual(wrong, [], 'streams without exactly one terminal frame');
    return this.#terminals.size;
  }

  #count(bytes: Uint8Array): void {
    const { requestId, frame } = decodeMessage(bytes);
    if (frame?.arm !== 'close' && frame?.arm !== 'error') return;
    this.#terminals.set(requestId, (this.#terminals.get(requestId) ?? 0) + 1);
  }

  async #until(is: () => Promise<boolean>, what: string): Promise<void> {
    const latest = performance.now() + HANG_MS;
    while (!(await is())) {
      if (performance.now() > latest) throw new Error(`after ${HANG_MS} ms: still not ${what}`);
      // Asked without a pause, both processes would take the processors that new threads need.
      await sleep(LOOK_MS);
    }
  }
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} is not there after ${HANG_MS} ms`)), HANG_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
