import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { channels } from '../../diagnostics.ts';
import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import { SlotFigures } from '../../shared-memory/slot-figures.ts';
import { DroppedLogs } from '../../shared-memory/slot-words.ts';
import type { LoopDelay, Stats } from '../../base/stats.ts';
import { orElse } from '../../base/or-else.ts';
import { tryWriteStderr } from '../../base/stderr.ts';
import { tell } from '../../base/subscribers.ts';
import { DurationCount } from '../../base/durations.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import type { Clock } from '../../base/clock.ts';

/** The figures that main's other parts keep. */
type KeptElsewhere = Omit<
  Stats,
  'uptimeMs' | 'creditStall' | 'ringStall' | 'handlerCpuMs' | 'droppedLogs' | 'mainDelay'
>;

/** How often the timer runs that main's delay is measured by, in ms: often enough, and next to nothing. */
const LOOP_RESOLUTION_MS = 20;

/**
 * What main tells of the process as a whole: its workers' coming and going, and its figures, put together from what
 * workers leave in shared memory and what main's other parts count.
 */
export class ProcessWatch {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #kept: () => KeptElsewhere;
  readonly #slots: readonly SlotFigures[];
  readonly #droppedLogs: DroppedLogs;
  readonly #creditStall = new DurationCount();
  readonly #ringStall = new DurationCount();
  readonly #cpu = new DurationCount();
  #loop: IntervalHistogram | undefined;
  #prints = false;

  /** @param kept what others count; not asked before the first look */
  constructor(clock: Clock, region: Region, kept: () => KeptElsewhere) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#kept = kept;
    const slots = Array.from({ length: region.slots }, (_, slot) => slot as SlotNumber);
    this.#slots = slots.map((slot) => new SlotFigures(region, slot));
    this.#droppedLogs = new DroppedLogs(region);
  }

  onReady({ seatNumber }: PoolWorker): void {
    if (channels.workerReady.hasSubscribers) tell(channels.workerReady, { worker: seatNumber });
  }

  /** Workers are missing, or (0) all serve again. @param why for a person */
  onShort(missing: number, why: string): void {
    if (channels.workerShort.hasSubscribers) channels.workerShort.publish({ missing, why });
  }

  /** While its jobs still count as its own. @param how for a person */
  onExited({ seatNumber, running }: PoolWorker, how: string): void {
    // The next thread on the slot finds the words empty.
    this.#collect();
    if (channels.workerExit.hasSubscribers)
      tell(channels.workerExit, { worker: seatNumber, how, jobs: running });
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

  /** To be called about once a second: what is never collected overflows. */
  tick(): void {
    this.#collect();
    if (channels.stats.hasSubscribers) tell(channels.stats, this.stats());
  }

  /** Prints the figures on standard error from now on, a JSON line every so many ms, and at the {@link end}. */
  printEvery(ms: number): void {
    this.#prints = true;
    // From here on main's delay is measured.
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
    // Nothing is in it yet.
    if (Number.isNaN(mean)) return undefined;
    return { meanMs: late(mean), p99Ms: late(this.#loop.percentile(99)), maxMs: late(max) };
  }
}

/** What a histogram's time, in ns, has beyond the timer's own interval, which it holds too; in ms. */
function late(ns: number): number {
  return Math.max(0, Math.round(ns / 1000 - LOOP_RESOLUTION_MS * 1000) / 1000);
}
