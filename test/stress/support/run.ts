import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePayload } from '../../fixtures/stress-payload.ts';
import { SeededRandom } from '../../fixtures/stress-random.ts';
import type { HostStream } from '../../../src/host/index.ts';
import type { Build } from '../../support/build.ts';
import { StressChild } from '../../support/stress-child.ts';
import { StressLedger, type LedgerEntry } from './ledger.ts';
import { planChild, planStream, type ChildPlan, type StreamPlan } from './plan.ts';
import { STALL_MS, StressWatch } from './watch.ts';

/** What a run of the stress did. */
export interface StressFigures {
  frames: number;
  bytes: number;
  streams: number;
  /** Worker threads that died or were ended, as their replacements prove. */
  deaths: number;
  /** Children that stopped themselves (exit 70), after a heap limit had struck in the one unknowable place. */
  failStops: number;
  /** The longest that a health request waited for its answer while the host read, in ms. */
  maxHealthMs: number;
}

export interface StressOptions {
  readonly build: Build;
  readonly seed: number;
  readonly seconds: number;
  /** Overrides the child that the seed plans. */
  readonly child?: Partial<ChildPlan>;
  /** These methods of test/fixtures/stress.ts only. */
  readonly methods?: readonly string[];
  /** Every payload has at least so many bytes (default: few). */
  readonly bulkBytes?: number | undefined;
}

/** With a fault of the module: what was seen, under which conditions, and the last frames. */
export class StressFailure extends Error {
  override readonly name = 'StressFailure';
}

/** exit 70: a worker died in the one place where the wire's state is unknown. */
const FAIL_STOP = 70;

/** Opens that wait behind the running streams. */
const QUEUED = 3;

/**
 * One child under stress for `seconds`: sound and hostile streams, cancels, deadlines, pauses, all from `seed`; the ledger and the
 * host session check every frame, the watch that nothing stands still. Ends with a drain and a clean exit.
 *
 * @throws StressFailure at the first breach
 */
export async function stressChild(options: StressOptions): Promise<StressFigures> {
  const plan = { ...planChild(options.seed), ...options.child };
  const folder = mkdtempSync(join(tmpdir(), 'ixt-stress-run-'));
  const startsFile = join(folder, 'starts');
  writeFileSync(startsFile, '');
  const run = new Run(options, plan, startsFile);
  try {
    await run.play();
    return run.figures(statSync(startsFile).size);
  } catch (error) {
    throw new StressFailure(run.describe(error), { cause: error });
  } finally {
    run.child.kill();
    await run.child.exited;
    rmSync(folder, { recursive: true });
  }
}

class Run {
  readonly child: StressChild;
  readonly #options: StressOptions;
  readonly #plan: ChildPlan;
  readonly #ledger: StressLedger;
  readonly #watch: StressWatch;
  readonly #random: SeededRandom;
  readonly #streams = new Map<string, HostStream>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #opened = 0;
  #mayOpen = true;
  readonly #over = new AbortController();
  #mayFailStop = false;
  #hasFailStopped = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: StressOptions, plan: ChildPlan, startsFile: string) {
    this.#options = options;
    this.#plan = plan;
    this.#random = new SeededRandom(options.seed, 3);
    this.#ledger = new StressLedger(
      plan.streamsPerWorker > 1,
      () => this.child.clock.now,
      (entry) => this.#ended(entry),
    );
    const flags = {
      '--workers': plan.workers,
      '--streams-per-worker': plan.streamsPerWorker,
      '--cancel-grace-ms': plan.cancelGraceMs,
      // Long enough for a handler that waits to linger, short enough for many to be ended.
      '--linger-ms': 100,
      '--worker-heap-mb': 32,
    };
    this.child = new StressChild({
      command: [...options.build.serve('stress'), ...Object.entries(flags).flat().map(String)],
      transport: plan.transport,
      env: { IXT_STRESS_STARTS: startsFile },
      onWire: this.#ledger.record,
      onViolation: (violation) => this.#ledger.fail(`the session says ${String(violation)}`),
    });
    this.#watch = new StressWatch(this.child, this.#ledger, plan.cancelGraceMs);
  }

  async play(): Promise<void> {
    const early = this.child.exited.then(({ code, signal }) => {
      if (this.#mayFailStop && code === FAIL_STOP) this.#hasFailStopped = true;
      else throw new Error(`the child ended by itself: ${code ?? signal}`);
    });
    try {
      await Promise.race([early, this.#watch.breach, this.#act()]);
      if (this.#hasFailStopped) return;
      await Promise.race([early, this.#watch.breach, this.#drain()]);
    } finally {
      this.#mayOpen = false;
      early.catch(() => undefined);
      // A stress that has failed doesn't hold its process for the rest of its time.
      this.#over.abort();
      for (const timer of this.#timers) clearTimeout(timer);
      this.#watch.stop();
    }
    if (!this.#hasFailStopped) await this.#leave();
  }

  figures(starts: number): StressFigures {
    return {
      frames: this.#ledger.frames,
      bytes: this.#ledger.bytes,
      streams: this.#ledger.ended,
      deaths: Math.max(0, starts - this.#plan.workers),
      failStops: this.#hasFailStopped ? 1 : 0,
      maxHealthMs: Math.round(this.#watch.maxHealthMs),
    };
  }

  describe(error: unknown): string {
    const { seed, seconds, bulkBytes } = this.#options;
    const bulk = bulkBytes === undefined ? '' : ` IXT_STRESS_BULK_BYTES=${bulkBytes}`;
    const live = [...this.#ledger.live.values()].map(
      ({ id, plan, received, credit, cancelSent }) =>
        `${id} ${plan.method.name} tag ${plan.tag}, ${received} frames, credit ${credit}${cancelSent ? ', cancelled' : ''}`,
    );
    return [
      error instanceof Error ? error.message : String(error),
      `rerun this child: IXT_STRESS_CHILD=${seed} IXT_STRESS_SECONDS=${Math.ceil(seconds)}${bulk} npm run test:stress -- wire`,
      `child: ${JSON.stringify(this.#plan)}`,
      `after ${Math.round(this.child.clock.now)} ms of reading, ${this.#ledger.frames} frames`,
      `live:\n${live.join('\n')}`,
      `last frames:\n${this.#ledger.lastFrames}`,
      `stderr:\n${this.child.stderr.slice(-4_000)}`,
    ].join('\n');
  }

  async #act(): Promise<void> {
    // The first worker's load is no part of the stress.
    await this.child.session.initialize();
    this.#watch.start();
    this.#refill();
    if (this.#plan.pauses) this.#pauseLater();
    await sleep(this.#options.seconds * 1_000, undefined, { signal: this.#over.signal });
    this.#mayOpen = false;
  }

  /** Everything ends, and every slot is free again. */
  async #drain(): Promise<void> {
    for (const stream of this.#streams.values()) stream.cancel('the stress is over');
    if (this.#streams.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const since = this.child.clock.now;
    for (;;) {
      const health = await this.child.session.health();
      if (health.openStreams > 0) {
        if (this.child.clock.now - since < STALL_MS) continue;
        throw new Error(
          `${health.openStreams} ended streams hold their slots: their handlers were not ended`,
        );
      }
      // Bytes, since a handler that is stopped while it commits a frame may have counted it already.
      const lost = Number(health.bytesOut) - this.child.session.stats.bytesIn;
      if (lost > 0) throw new Error(`the module has written ${lost} bytes more than came`);
      return;
    }
  }

  async #leave(): Promise<void> {
    await this.child.session.shutdown();
    this.child.session.endInput();
    const { code, signal } = await this.child.exited;
    if (code !== 0) throw new Error(`after shutdown the child ended with ${code ?? signal}`);
    if (this.#ledger.breach !== undefined) throw new Error(this.#ledger.breach);
  }

  #refill(): void {
    const wanted = this.#plan.workers * this.#plan.streamsPerWorker + QUEUED;
    while (this.#mayOpen && this.#ledger.breach === undefined && this.#streams.size < wanted) this.#open();
  }

  #open(): void {
    const plan = planStream(
      this.#options.seed,
      this.#opened++,
      this.#options.methods,
      this.#options.bulkBytes,
    );
    if (plan.method.name === 'oom') this.#mayFailStop = true;
    this.#ledger.expect(plan);
    const { tag, seed, count, min, max, exitAt: at, deadlineMs } = plan;
    const numbers = { tag, seed, count, min, max, at, ms: this.#plan.cancelGraceMs + plan.slowMs };
    const stream = this.child.session.openStream(plan.method.name, {
      metadata: Object.entries(numbers).map(([key, value]) => [key, String(value)] as const),
      initialCredit: plan.initialCredit,
      autoCredit: !plan.starves,
      ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
    });
    this.#streams.set(stream.id, stream);
    if (plan.cancelAtFrame === 0) this.#cancelLater(stream, plan);
    // Its end is the ledger's to judge.
    this.#read(stream, plan).catch(() => undefined);
    this.#feed(stream, plan).catch(() => undefined);
  }

  async #read(stream: HostStream, plan: StreamPlan): Promise<void> {
    let frames = 0;
    const cancelAt = Math.min(plan.cancelAtFrame, plan.method.isEndless === true ? Infinity : plan.count);
    for await (const payload of stream) {
      if (++frames === cancelAt) this.#cancelLater(stream, plan);
      // A stream that gets no further credit may never reach the frame at which it is to be cancelled.
      if (frames === 1 && plan.cancelAtFrame !== Infinity) this.#later(50, () => stream.cancel('late'));
      if (payload.length === 0) return;
    }
  }

  async #feed(stream: HostStream, plan: StreamPlan): Promise<void> {
    if (!plan.method.name.startsWith('echo')) return stream.end();
    const random = new SeededRandom(plan.seed);
    for (let sequence = 0; sequence < plan.count; sequence++) {
      await stream.send(makePayload(plan.tag, sequence, random.length(plan.min, plan.max)));
    }
    stream.end();
  }

  #cancelLater(stream: HostStream, plan: StreamPlan): void {
    this.#later(plan.cancelDelayMs, () => stream.cancel('as planned'));
  }

  #pauseLater(): void {
    this.#later(this.#random.between(100, 800), () => {
      this.child.pauseReading();
      this.#later(this.#random.between(1, 300), () => {
        this.child.resumeReading();
        this.#pauseLater();
      });
    });
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  #ended(entry: LedgerEntry): void {
    this.#streams.delete(entry.id);
    if (this.#streams.size === 0) this.#onEmpty?.();
    // After the message at hand: the session removes the stream once it has been recorded.
    queueMicrotask(() => this.#refill());
  }
}
