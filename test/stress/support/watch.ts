import type { StressChild } from '../../support/stress-child.ts';
import { TICK_MS } from '../../support/stress-clock.ts';
import type { LedgerEntry, StressLedger } from './ledger.ts';

/** While the host reads, nothing that is owed takes longer, in ms. */
export const STALL_MS = 2_000;
/** Between two health requests, in ms. */
const HEALTH_MS = 100;

/** Looks for what stands still, in the host's reading time, and for breaches that the ledger found. */
export class StressWatch {
  /** Rejects with the first breach or stall; never resolves. */
  readonly breach: Promise<never>;
  maxHealthMs = 0;
  readonly #child: StressChild;
  readonly #ledger: StressLedger;
  readonly #graceMs: number;
  #reject: (error: Error) => void = () => undefined;
  #ticks: NodeJS.Timeout | undefined;
  #askedAt: number | undefined;
  #answeredAt = 0;

  constructor(child: StressChild, ledger: StressLedger, graceMs: number) {
    this.#child = child;
    this.#ledger = ledger;
    this.#graceMs = graceMs;
    this.breach = new Promise((_, reject) => (this.#reject = reject));
    // Whoever has stopped looking is not to be ended by it.
    this.breach.catch(() => undefined);
  }

  start(): void {
    this.#ticks = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#ticks);
  }

  #tick(): void {
    const { clock } = this.#child;
    clock.tick();
    const stall = this.#healthStall(clock.now) ?? this.#streamStall(clock.now);
    if (stall !== undefined) this.#ledger.fail(stall);
    if (this.#ledger.breach !== undefined) this.#reject(new Error(this.#ledger.breach));
  }

  #healthStall(now: number): string | undefined {
    if (this.#askedAt !== undefined) {
      const waited = now - this.#askedAt;
      this.maxHealthMs = Math.max(this.maxHealthMs, waited);
      return waited > STALL_MS ? `no answer to health after ${Math.round(waited)} ms` : undefined;
    }
    if (now - this.#answeredAt < HEALTH_MS) return undefined;
    this.#askedAt = now;
    this.#child.session.health().then(
      () => {
        this.#askedAt = undefined;
        this.#answeredAt = this.#child.clock.now;
      },
      () => undefined,
    );
    return undefined;
  }

  #streamStall(now: number): string | undefined {
    for (const entry of this.#ledger.live.values()) {
      const waited = now - this.#owedSince(entry);
      if (waited <= STALL_MS) continue;
      const { plan, id, received, credit } = entry;
      const what = entry.cancelAt === undefined ? 'no frame' : 'no terminal frame';
      return `stream ${id} (${plan.method.name}, tag ${plan.tag}, ${received} frames, credit ${credit}): ${what} for ${Math.round(waited)} ms`;
    }
    return undefined;
  }

  /** Since when the module owes that stream something, in reading time; Infinity: it owes nothing. */
  #owedSince({ plan, received, credit, cancelAt, lastFrameAt, deadlineUnixMs }: LedgerEntry): number {
    if (cancelAt !== undefined) return cancelAt + this.#graceMs;
    // Reading time is never ahead of the wall's: what has been late for longer by the wall may still be in time.
    const late = deadlineUnixMs === 0 ? -Infinity : Date.now() - deadlineUnixMs - this.#graceMs;
    if (late > STALL_MS) return Math.max(lastFrameAt, this.#child.clock.now - late);
    const isProgressing = received > 0 && credit > 0 && plan.method.ends !== 'never';
    return isProgressing || (plan.method.isEndless === true && received > 0 && credit > 0)
      ? lastFrameAt
      : Infinity;
  }
}
