import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { warmUpOf, type Band, type Picture } from './picture.ts';

/**
 * The time that the same work takes in plain processes that share nothing and answer nothing: no module can be faster on this machine.
 *
 * @returns seconds, the start of the processes and a warm-up band each left out
 */
export async function timePlainProcesses(
  picture: Picture,
  bands: readonly Band[],
  count: number,
): Promise<number> {
  const plain = Array.from({ length: count }, startPlainProcess);
  try {
    const small = warmUpOf(picture);
    await Promise.all(plain.map((process) => compute(process, small.picture, small.band)));
    const start = performance.now();
    const waiting = bands.values();
    // Each takes its next band when it has done one, as the workers do; they share the one iterator.
    await Promise.all(
      plain.map(async (process) => {
        for (const band of waiting) await compute(process, picture, band);
      }),
    );
    return (performance.now() - start) / 1000;
  } finally {
    for (const { child } of plain) child.kill();
  }
}

interface PlainProcess {
  readonly child: ChildProcess;
  /** Aborts when the process has ended, so that nobody waits for its answer. */
  readonly gone: AbortSignal;
}

function startPlainProcess(): PlainProcess {
  const child = fork(fileURLToPath(new URL('plain-process.ts', import.meta.url)));
  const gone = new AbortController();
  child.once('exit', () => gone.abort());
  return { child, gone: gone.signal };
}

async function compute({ child, gone }: PlainProcess, picture: Picture, band: Band): Promise<void> {
  const done = once(child, 'message', { signal: gone });
  child.send({ ...picture, ...band });
  await done;
}
