import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { channels } from '../../diagnostics.ts';
import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import { SlotFigures } from '../../shared-memory/slot-figures.ts';
import { DroppedLogs } from '../../shared-memory/slot-signals.ts';
import type { LoopDelay, Stats } from '../../base/stats.ts';
import { orElse } from '../../base/or-else.ts';
import { tryWriteStderr } from '../../base/stderr.ts';
import { tell } from '../../base/subscribers.ts';
import { DurationCount } from '../../base/durations.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import type { PartCounts } from './part-figures.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * Interval of the timer by which main's delay is measured, in ms. It is short enough for the figures, and costs next to nothing.
 */
const LOOP_RESOLUTION_MS = 20;

/**
 * Publishes the events and figures of the whole process: the start and exit of workers, and the `stats`, which it adds up from the
 * words that workers write in shared memory and from the counts of main's other parts.
 */
export class ProcessFigures {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #kept: () => PartCounts;
  readonly #slots: readonly SlotFigures[];
  readonly #droppedLogs: DroppedLogs;
  readonly #creditStall = new DurationCount();
  readonly #ringStall = new DurationCount();
  readonly #cpu = new DurationCount();
  #loop: IntervalHistogram | undefined;
  #prints = false;

  /** @param kept the figures of main's other parts; not called before the first look */
  constructor(clock: Clock, region: Region, kept: () => PartCounts) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#kept = kept;
    const slots = Array.from({ length: region.slots }, (_, slot) => slot as SlotNumber);
    this.#slots = slots.map((slot) => new SlotFigures(region, slot));
    this.#droppedLogs = new DroppedLogs(region);
  }

  onReady({ slotNumber }: PoolWorker): void {
    if (channels.workerReady.hasSubscribers) tell(channels.workerReady, { worker: slotNumber });
  }

  /** Workers are missing, or all serve again. @param missing their number; 0 if all serve again @param why for a person */
  onShort(missing: number, why: string): void {
    if (channels.workerShort.hasSubscribers) tell(channels.workerShort, { missing, why });
  }

  /** A thread has exited. It must be called while the worker's jobs still count as its own. @param how for a person */
  onExited({ slotNumber, running, isAsleep }: PoolWorker, how: string): void {
    // Collected now, because the next thread on the slot starts with empty words.
    this.#collect();
    if (channels.workerExit.hasSubscribers)
      tell(channels.workerExit, { worker: slotNumber, how, jobs: running, asleep: isAsleep });
  }

  stats(): Stats {
    this.#collect();
    return {
      uptimeMs: Math.round(this.#clock.monotonic() - this.#startedAt),
      ...this.#kept(),
      creditStall: this.#creditStall.figures,
      ringStall: this.#ringStall.figures,
      handlerCpuMs: 'threadCpuUsage' in process ? this.#cpu.figures.totalMs : undefined,
      droppedLogs: this.#droppedLogs.count,
      mainDelay: orElse(undefined, () => this.#delay()),
    };
  }

  /** It must be called about once a second, because the shared words overflow if they are not collected. */
  tick(): void {
    this.#collect();
    if (channels.stats.hasSubscribers) tell(channels.stats, this.stats());
  }

  /** From now on prints the figures on standard error, as a JSON line every `ms` milliseconds and at the {@link end}. */
  printEvery(ms: number): void {
    this.#prints = true;
    // The first call starts the measurement of main's delay.
    this.stats();
    const next = (): void => {
      this.#clock.after(ms, () => {
        this.#print(this.stats());
        next();
      });
    };
    next();
  }

  /** The process ends. */
  end(): void {
    if (!channels.stats.hasSubscribers && !this.#prints) return;
    const stats = this.stats();
    if (this.#prints) this.#print(stats);
    if (channels.stats.hasSubscribers) tell(channels.stats, stats);
  }

  #print(stats: Stats): void {
    const line = { time: new Date().toISOString(), level: 'info', message: 'stats', stats };
    if (!tryWriteStderr(`${JSON.stringify(line)}\n`)) this.#droppedLogs.add();
  }

  #collect(): void {
    for (const slot of this.#slots) {
      const { credit, ring, cpuMs } = slot.take();
      this.#creditStall.addAll(credit);
      this.#ringStall.addAll(ring);
      this.#cpu.add(cpuMs);
    }
  }

  #delay(): LoopDelay | undefined {
    if (this.#loop === undefined) {
      this.#loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
      this.#loop.enable();
    }
    const { mean, max } = this.#loop;
    // The histogram is still empty.
    if (Number.isNaN(mean)) return undefined;
    return { meanMs: late(mean), p99Ms: late(this.#loop.percentile(99)), maxMs: late(max) };
  }
}

/** The delay in ms for a time of the histogram in ns, from which the timer's own interval must be subtracted. */
function late(ns: number): number {
  return Math.max(0, Math.round(ns / 1000 - LOOP_RESOLUTION_MS * 1000) / 1000);
}
