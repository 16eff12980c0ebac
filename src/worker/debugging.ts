import { writeFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { logLine } from '../base/stderr.ts';
import type { Seat, WorkerSettings } from '../threads/messages.ts';

/** What helps a person who looks into a worker thread, before any user code is loaded. */
export async function prepareDebugging(settings: WorkerSettings, { slot }: Seat): Promise<void> {
  nameThread(`ixt-worker-${slot}`);
  mapStacks();
  if (settings.inspectPort === undefined) return;
  const { open, url } = await import('node:inspector');
  const port = settings.inspectPort === 0 ? 0 : settings.inspectPort + slot;
  // Node says on standard error where it listens, or why it can't, and goes on.
  open(port, '127.0.0.1');
  if (url() !== undefined) return;
  logLine(
    `ixt-worker-${slot} runs without a debugger: port ${port} of 127.0.0.1 can't be had. ` +
      'Give --inspect-worker another port, or 0 for any',
  );
}

/** The part of `node:module` that Node has from 22.14 and 23.7 on. */
interface SourceMapsSupport {
  setSourceMapsSupport?: (
    enabled: boolean,
    options: { nodeModules: boolean; generatedCode: boolean },
  ) => void;
}

/**
 * Lets stacks show the author's sources. From here on: our own files are loaded, and their maps need not be read. A library in
 * `node_modules` may find its own files by its stack, so its stack stays what it is, where Node can tell the two apart.
 */
function mapStacks(): void {
  const { setSourceMapsSupport } = nodeModule as SourceMapsSupport;
  if (setSourceMapsSupport === undefined) process.setSourceMapsEnabled(true);
  else setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}

/** Names this thread in `top -H`, `ps -T`, perf and debuggers, where the system has it (Linux): at most 15 bytes. */
function nameThread(name: string): void {
  try {
    writeFileSync('/proc/thread-self/comm', name.slice(0, 15));
  } catch {
    // macOS, or no /proc here: the thread keeps the process's name.
  }
}
