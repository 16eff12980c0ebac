import { writeFileSync } from 'node:fs';
import type { Welcome, WorkerSettings } from '../thread-messages.ts';

/** What helps a person who looks into a worker thread, before any user code is loaded. */
export async function prepareDebugging(settings: WorkerSettings, { slot }: Welcome): Promise<void> {
  nameThread(`ixt-worker-${slot}`);
  // From here on: our own files are loaded, and their maps need not be read.
  process.setSourceMapsEnabled(true);
  if (settings.inspectPort === undefined) return;
  const { open } = await import('node:inspector');
  // Node says on standard error where it listens, or why it can't.
  open(settings.inspectPort === 0 ? 0 : settings.inspectPort + slot, '127.0.0.1');
}

/** Names this thread in `top -H`, `ps -T`, perf and debuggers, where the system has it (Linux): at most 15 bytes. */
function nameThread(name: string): void {
  try {
    writeFileSync('/proc/thread-self/comm', name.slice(0, 15));
  } catch {
    // macOS, or no /proc here: the thread keeps the process's name.
  }
}
