import { workerData } from 'node:worker_threads';
import { guardConsole } from '../threads/console-guard.ts';
import { Region } from '../shared-memory/region.ts';
import { DroppedLogs } from '../shared-memory/slot-signals.ts';
import type { FromWorker, ThreadStart, WorkerSettings } from '../threads/messages.ts';
import { prepareDebugging } from './debugging.ts';
import { tellFiles, tellLiveEvents } from './live-events.ts';
import { loadModule, type LoadedModule } from './module-loader.ts';
import { Thread, workerEnvironment } from './thread.ts';

/**
 * The composition root of a worker thread. It returns at once with the function that Piscina calls for its only task, whose
 * argument is the thread's {@link ThreadStart}. The module is loaded only then, so that a module that can't be loaded never makes Piscina
 * start threads again and again: the thread lives, tells main the reason, and main decides.
 */
export function startWorker(): (start: ThreadStart) => void {
  const settings = workerData as WorkerSettings;
  const region = new Region(settings.region);
  const dropped = new DroppedLogs(region);
  guardConsole(() => dropped.add());
  return (start) => void beginThread(settings, region, start);
}

async function beginThread(settings: WorkerSettings, region: Region, start: ThreadStart): Promise<void> {
  const say = (message: FromWorker): void => start.port.postMessage(message);
  try {
    await prepareDebugging(settings, start);
    const module = await loadWatched(settings);
    new Thread({ settings, region, start, module, say, environment: workerEnvironment(settings) });
    say({ type: 'loaded', manifest: module.manifest });
  } catch (error) {
    say({ type: 'loadFailed', message: (error as Error).message });
  }
}

/** Loads the module, and tells main what the page of `ixt-module dev` needs to know, if main asked for it. */
async function loadWatched({ file, tellsLiveEvents }: WorkerSettings): Promise<LoadedModule> {
  if (!tellsLiveEvents) return loadModule(file);
  tellLiveEvents();
  try {
    return await loadModule(file);
  } finally {
    await tellFiles();
  }
}
