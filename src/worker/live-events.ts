import type { Debugger, InspectorNotification, Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { LineBudget } from '../base/line-budget.ts';
import { orElse } from '../base/or-else.ts';
import { channels } from '../diagnostics.ts';
import { eventText, WORKER_EVENTS, type WorkerLiveEvent } from '../live/events.ts';

/** Events of handlers that one thread tells in a second. A message costs it some µs, so this is 1 % of its time. */
const EVENTS_A_SECOND = 2000;

/** Tells main of this thread's handlers from now on, for `--events-socket`. Each event leaves at once, because a handler may block. */
export function tellLiveEvents(): void {
  const main = openMain();
  const budget = new LineBudget(EVENTS_A_SECOND);
  const tell = (event: WorkerLiveEvent): void => main.postMessage(event);
  // The resume of a stall that was told is told, too, or the stream would seem to wait for ever.
  const stalled = new Set<string>();
  channels.handlerStall.subscribe(({ id, on }) => {
    if (budget.take() === undefined) return;
    stalled.add(id);
    tell({ kind: 'stall', at: now(), id, on });
  });
  channels.handlerResume.subscribe(({ id, on }) => {
    if (stalled.delete(id)) tell({ kind: 'resume', at: now(), id, on });
  });
  channels.handlerEnd.subscribe(({ id, code, message }) => {
    stalled.delete(id);
    // Of a stream that ends well main knows all: a message for each would double what a short stream costs.
    if (code === 'close' || budget.take() === undefined) return;
    tell({ kind: 'handled', at: now(), id, code, message: eventText(message) });
  });
}

/** Tells main which files this thread has loaded, whether its module could be loaded or not. */
export async function tellFiles(): Promise<void> {
  const { Session } = await import('node:inspector');
  const main = openMain();
  const files = orElse([], () => loadedFiles(new Session()));
  main.postMessage({ kind: 'files', files } satisfies WorkerLiveEvent);
  main.close();
}

function openMain(): BroadcastChannel {
  const main = new BroadcastChannel(WORKER_EVENTS);
  // Node's types don't know it.
  (main as unknown as { unref(): void }).unref();
  return main;
}

/**
 * The files of all code that this thread has, without packages. V8's debugger is asked, because it alone knows ES modules, CommonJS
 * and what tsx compiled, on every Node. It answers within the call, and is off again before any handler runs.
 */
function loadedFiles(session: Session): string[] {
  session.connect();
  const files = new Set<string>();
  session.on(
    'Debugger.scriptParsed',
    ({ params }: InspectorNotification<Debugger.ScriptParsedEventDataType>) => {
      const file = fileOf(params.url);
      if (file !== undefined) files.add(file);
    },
  );
  session.post('Debugger.enable');
  session.post('Debugger.disable');
  session.disconnect();
  return [...files];
}

function fileOf(url: string): string | undefined {
  if (url.includes('/node_modules/')) return undefined;
  if (url.startsWith('/')) return url;
  // A loader may have put a query behind it.
  return url.startsWith('file:///') ? fileURLToPath(url.replace(/[?#].*$/, '')) : undefined;
}

/** Ms since the epoch on a clock that is monotonic within the thread. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
