import { MessageChannel, parentPort, threadId, workerData, type MessagePort } from 'node:worker_threads';
import { Region } from '../shared-memory/region.ts';
import { DroppedLogs } from '../shared-memory/slot-words.ts';
import type { FromWorker, Hello, Task, Welcome, WorkerSettings } from '../thread-messages.ts';
import { guardConsole } from '../console-guard.ts';
import { prepareDebugging } from './debugging.ts';
import { loadModule } from './module-loader.ts';
import { Thread, workerEnvironment } from './thread.ts';

/**
 * The composition root of a worker thread. Returns at once with the function that Piscina calls for each task; the
 * module is loaded behind it, when main has given the thread a seat. So a module that can't be loaded never makes
 * Piscina start threads over and over: the thread lives, says what is wrong, and main decides.
 */
export function startWorker(): (task: Task) => Promise<void> | void {
  const settings = workerData as WorkerSettings;
  const region = new Region(settings.region);
  const dropped = new DroppedLogs(region);
  guardConsole(() => dropped.add());
  let thread: Thread | undefined;
  const { port1: port, port2: mainsPort } = new MessageChannel();
  const hello: Hello & { port: MessagePort } = { ixtHello: true, threadId, port: mainsPort };
  parentPort?.postMessage(hello, [mainsPort]);
  const say = (message: FromWorker): void => port.postMessage(message);
  port.once('message', (welcome: Welcome) => {
    const loaded = prepareDebugging(settings, welcome).then(() => loadModule(settings.file));
    loaded.then(
      (module) => {
        thread = new Thread({
          settings,
          region,
          welcome,
          module,
          port,
          say,
          environment: workerEnvironment(settings),
        });
        say({ type: 'loaded', manifest: module.manifest });
      },
      (error: Error) => say({ type: 'loadFailed', message: error.message }),
    );
  });
  return (task) => {
    if (thread === undefined) throw new Error('a task came before the module was loaded');
    return thread.run(task);
  };
}
