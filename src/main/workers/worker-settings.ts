import type { Region } from '../../shared-memory/region.ts';
import type { WorkerSettings } from '../../threads/messages.ts';
import type { ServeOptions } from '../options.ts';

/** The part of main's options that a worker thread needs, and the shared memory. */
export function workerSettings(options: ServeOptions, region: Region): WorkerSettings {
  return {
    region: region.handle,
    file: options.file,
    wireDescriptor: options.output,
    receiveWindow: options.receiveWindow,
    maxMessageBytes: options.maxMessageBytes,
    maxErrorMessageBytes: options.maxErrorMessageBytes,
    failureLines: options.failureLines,
    tellsLiveEvents: options.eventsSocket !== undefined,
    ...(options.inspectPort === undefined ? {} : { inspectPort: options.inspectPort }),
  };
}
