import type { Clock } from '../base/clock.ts';
import type { WorkerSettings } from '../threads/messages.ts';
import type { SourceEvents, WireSource } from './input/source.ts';
import type { WireSink } from './output/sink.ts';
import type { LinkSource } from './workers/worker-link.ts';

/** The process around main. The test kit has another one, without descriptors, signals or a child. */
export interface MainEnvironment {
  readonly clock: Clock;
  /** Writes a line for a person. */
  log(this: void, line: string): void;
  openSink(onError: (error: Error) => void): WireSink;
  openSource(events: SourceEvents): WireSource;
  openLinks(settings: WorkerSettings): LinkSource;
  /** Ends the process, whatever its threads do. @param endThreads ends all worker threads; @param patienceMs as in `exit.ts` */
  exit(code: number, endThreads: () => Promise<void>, patienceMs?: number): void;
}
