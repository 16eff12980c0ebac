import { writeFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { logLine } from '../base/stderr.ts';
import type { ThreadStart, WorkerSettings } from '../threads/messages.ts';

/** Prepares a worker thread for debugging, before any user code is loaded: its name, its inspector and source maps. */
export async function prepareDebugging(settings: WorkerSettings, { slot }: ThreadStart): Promise<void> {
  nameThread(`ixt-worker-${slot}`);
  mapStacks();
  if (settings.inspectPort === undefined) return;
  const { open, url } = await import('node:inspector');
  const port = settings.inspectPort === 0 ? 0 : settings.inspectPort + slot;
  // Node writes its address, or the reason why it can't listen, on standard error, and goes on.
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
 * Lets stacks show the author's sources. It is called after our own files are loaded, so that their maps need not be read. A
 * library in `node_modules` may find its own files by its stack, so stacks of libraries are not mapped if Node can tell the two
 * apart.
 */
function mapStacks(): void {
  const { setSourceMapsSupport } = nodeModule as SourceMapsSupport;
  if (setSourceMapsSupport === undefined) process.setSourceMapsEnabled(true);
  else setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
}

/** Names this thread in `top -H`, `ps -T`, perf and debuggers, if the system can (Linux). A name has at most 15 bytes. */
function nameThread(name: string): void {
  try {
    writeFileSync('/proc/thread-self/comm', name.slice(0, 15));
  } catch {
    // The system is macOS or has no /proc, so the thread keeps the process's name.
  }
}
