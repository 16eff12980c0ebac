import { writeFileSync } from 'node:fs';
import { logLine } from '../base/stderr.ts';
import type { Seat, WorkerSettings } from '../threads/messages.ts';

/** What helps a person who looks into a worker thread, before any user code is loaded. */
export async function prepareDebugging(settings: WorkerSettings, { slot }: Seat): Promise<void> {
  nameThread(`ixt-worker-${slot}`);
  // From here on: our own files are loaded, and their maps need not be read.
  process.setSourceMapsEnabled(true);
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

/** Names this thread in `top -H`, `ps -T`, perf and debuggers, where the system has it (Linux): at most 15 bytes. */
function nameThread(name: string): void {
  try {
    writeFileSync('/proc/thread-self/comm', name.slice(0, 15));
  } catch {
    // macOS, or no /proc here: the thread keeps the process's name.
  }
}
