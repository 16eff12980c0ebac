import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { siblingFile } from '../../harness/sibling-file.ts';
import { WORKERS, type Alternative } from './alternative.ts';
import type { ForkAnswer, ForkRequest } from './fork-messages.ts';

/** Chunks that may be on their way to a child at once: 1 MiB of 64 KiB each. */
const MAX_ON_THE_WAY = 16;

/** One `child_process.fork` for each worker, with advanced serialisation; a child that is gone is forked again. */
export async function forkAlternative(): Promise<Alternative> {
  const children = Array.from({ length: WORKERS }, () => new ForkedChild());
  await Promise.all(children.map((child) => child.call((call) => ({ kind: 'ping', call }))));
  let pings = 0;
  const idlest = (): ForkedChild => {
    const [first, ...others] = children;
    if (first === undefined) throw new Error('There is no child.');
    return others.reduce((best, child) => (child.busy < best.busy ? child : best), first);
  };
  return {
    picture: (part) => idlest().call((call) => ({ kind: 'picture', call, part })),
    hash: (input) => idlest().hash(input.chunk, input.chunks),
    // Both children have something of their own to say, so both are asked, in turns.
    ping: () => (children[pings++ % WORKERS] ?? idlest()).call((call) => ({ kind: 'ping', call })),
    async work(milliseconds, signal) {
      const child = idlest();
      // A child in a loop reads no message: its process is what can be ended.
      signal?.addEventListener('abort', () => child.kill());
      await child.call((call) => ({ kind: 'work', call, milliseconds }));
    },
    crash: (how) => idlest().crash(how),
    close: async () => void (await Promise.all(children.map((child) => child.close()))),
  };
}

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly onTaken?: (chunks: number) => void;
}

class ForkedChild {
  #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastCall = 0;
  #isClosing = false;

  constructor() {
    this.#child = this.#fork();
  }

  /** Calls that it has not answered yet. */
  get busy(): number {
    return this.#waiting.size;
  }

  call(request: (call: number) => ForkRequest): Promise<Uint8Array> {
    const call = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#send(request(call));
    });
  }

  async hash(chunk: Uint8Array, chunks: number): Promise<Uint8Array> {
    const call = ++this.#lastCall;
    let onTheWay = 0;
    let onRoom = (): void => undefined;
    const digest = new Promise<Uint8Array>((resolve, reject) => {
      const onTaken = (taken: number): void => {
        onTheWay -= taken;
        onRoom();
      };
      this.#waiting.set(call, { resolve, reject, onTaken });
    });
    for (let left = chunks; left > 0; left--) {
      onTheWay++;
      this.#send({ kind: 'chunk', call, bytes: chunk });
      if (onTheWay >= MAX_ON_THE_WAY) await new Promise<void>((resolve) => (onRoom = resolve));
    }
    this.#send({ kind: 'end', call });
    return digest;
  }

  /** Resolves when there is another child. */
  async crash(how: 'exit' | 'kill'): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#send({ kind: 'crash', how });
    await gone;
  }

  /** Another child takes its place at once, without waiting until it is gone. */
  kill(): void {
    this.#child.kill('SIGKILL');
    this.#replace();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #send(request: ForkRequest): void {
    this.#child.send(request);
  }

  #fork(): ChildProcess {
    const child = fork(siblingFile(import.meta.url, './fork-child.ts'), { serialization: 'advanced' });
    child.on('message', (answer: ForkAnswer) => {
      const waiting = this.#waiting.get(answer.call);
      if (answer.kind === 'taken') return waiting?.onTaken?.(answer.chunks);
      this.#waiting.delete(answer.call);
      waiting?.resolve(answer.bytes);
    });
    child.on('exit', () => {
      if (child === this.#child && !this.#isClosing) this.#replace();
    });
    return child;
  }

  #replace(): void {
    this.#child = this.#fork();
    for (const { reject } of this.#waiting.values()) reject(new Error('The child is gone.'));
    this.#waiting.clear();
  }
}
