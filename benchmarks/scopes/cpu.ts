import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { HostStream, ModuleHost } from '../../src/host/index.ts';
import { siblingFile } from '../harness/sibling-file.ts';
import type { Contest, Contestant } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { startPeer } from '../peers/child.ts';
import { spawnLoadModule } from '../peers/ixt.ts';
import { partsOf, type CpuPart, type CpuTask } from '../peers/cpu-work.ts';

/** Parts that a task is cut into: many enough that no worker waits long for the last one, and each takes some 50 ms at `--seconds 1`. */
export const PARTS = 8;

/** A picture, with rows as wide as those that `npm start` draws: in narrower ones a frame costs more beside what it takes to compute it. */
export function pictureTask(options: BenchOptions): Extract<CpuTask, { readonly name: 'mandelbrot' }> {
  const height = Math.max(PARTS, Math.round(200 * scaleOf(options)));
  return { name: 'mandelbrot', width: 1920, height, maxIter: 2_000 };
}

function scaleOf({ smoke, seconds }: BenchOptions): number {
  return smoke ? 0.05 : seconds;
}

/** CPU-bound handlers on one worker and two, beside plain processes that compute the same without a protocol. */
export function cpuContests(options: BenchOptions): Contest[] {
  const sha256: CpuTask = { name: 'sha256', rounds: Math.max(PARTS, Math.round(640 * scaleOf(options))) };
  const tasks: readonly CpuTask[] = [pictureTask(options), sha256];
  return tasks.map((task) => ({
    scope: 'cpu',
    title: task.name,
    unit: 'tasks/s',
    contestants: [
      () => onModule(task, 1),
      () => onModule(task, 2),
      () => onProcesses(task, 1),
      () => onProcesses(task, 2),
      () => onMainThread(task),
    ],
    targets: [
      { of: 'ixt, 2 workers', against: 'ixt, 1 worker', atLeast: 1.9 },
      { of: 'ixt, 2 workers', against: '2 plain processes', atLeast: 0.95 },
      { of: '2 plain processes', against: '1 plain process' },
    ],
  }));
}

async function onModule(task: CpuTask, workers: number): Promise<Contestant> {
  const module = spawnLoadModule({ workers });
  await module.initialize();
  const name = `ixt, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  return computing(name, module, task, async () => void (await module.close()));
}

/** The parts of a task as streams of a module, wherever it runs, all opened at once. */
export function computing(
  name: string,
  module: ModuleHost,
  task: CpuTask,
  close: () => Promise<void>,
): Contestant {
  const parts = partsOf(task, PARTS);
  return {
    name,
    async measure() {
      const start = performance.now();
      await Promise.all(
        parts.map(async (part) => {
          const { method, ...numbers } = part;
          const metadata = Object.entries(numbers).map(([key, value]) => [key, String(value)] as const);
          const stream = module.openStream(method, { metadata });
          stream.end();
          check(part, await byteCount(stream));
        }),
      );
      return { value: 1000 / (performance.now() - start) };
    },
    close,
  };
}

async function byteCount(stream: HostStream): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

/** The ideal: each process takes its share of the parts at once, and only says when it is done. */
async function onProcesses(task: CpuTask, count: number): Promise<Contestant> {
  const processes = Array.from({ length: count }, () => startPeer('cpu-process.ts'));
  await Promise.all(processes.map((process) => process.message()));
  const parts = partsOf(task, PARTS);
  return {
    name: `${count} plain ${count === 1 ? 'process' : 'processes'}`,
    async measure() {
      const start = performance.now();
      await Promise.all(
        processes.map(async (process, index) => {
          // In turns, since the parts of a picture don't cost the same.
          const share = parts.filter((_, part) => part % count === index);
          const answer = (await process.ask(share)) as number[];
          share.forEach((part, at) => check(part, answer[at] ?? NaN));
        }),
      );
      return { value: 1000 / (performance.now() - start) };
    },
    close: async () => void (await Promise.all(processes.map((process) => process.stop()))),
  };
}

/** The handler's function called on a thread of its own, in the process that needs the result. */
async function onMainThread(task: CpuTask): Promise<Contestant> {
  const worker = new Worker(siblingFile(import.meta.url, '../peers/cpu-thread.ts'));
  const parts = partsOf(task, PARTS);
  const ask = async (share: readonly CpuPart[]): Promise<number[]> => {
    worker.postMessage(share);
    // Rejects with the worker's error, and leaves no listener behind.
    const [answer] = (await once(worker, 'message')) as [number[]];
    return answer;
  };
  await ask([]);
  return {
    name: 'function call, one thread',
    async measure() {
      const start = performance.now();
      const answer = await ask(parts);
      parts.forEach((part, at) => check(part, answer[at] ?? NaN));
      return { value: 1000 / (performance.now() - start) };
    },
    close: async () => void (await worker.terminate()),
  };
}

function check(part: CpuPart, bytes: number): void {
  const expected = part.method === 'sha256' ? 32 : part.width * part.rows;
  if (bytes !== expected) throw new Error(`${part.method} gave ${bytes} bytes instead of ${expected}.`);
}
