import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { channels, type HandlerStartEvent } from '../../../src/diagnostics.ts';
import { Region, type ControlBlock, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { SlotFigures } from '../../../src/shared-memory/slot-figures.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { HandlerFigures, type ThreadCpuUsage } from '../../../src/worker/jobs/handler-figures.ts';
import { EventLog } from '../../support/event-log.ts';

class Bench {
  readonly figures = new SlotFigures(Region.allocate(2, 2), 1 as SlotNumber);
  time = 100;
  cpu = 1000;
  isShared = false;
  readonly watch: HandlerFigures;

  /** @param hasCpuUsage whether Node tells CPU time */
  constructor(hasCpuUsage = true) {
    const cpuUsage: ThreadCpuUsage = hasCpuUsage ? () => ({ user: this.cpu, system: 500 }) : null;
    const thread = { figures: this.figures, hasShared: () => this.isShared };
    const context = { ...EMPTY_CONTEXT, method: 'm', caller: 'secret' };
    const task = {
      kind: 'stream',
      jobId: 7,
      block: 0 as ControlBlock,
      id: 'f'.repeat(32),
      context,
      openedAt: 5,
      queuedMs: 2,
    } as const;
    this.watch = new HandlerFigures(thread, task, () => this.time, cpuUsage);
  }
}

test('each wait counts once, from its first attempt to the frame that leaves', () => {
  const bench = new Bench();
  bench.watch.sent();
  bench.watch.stalled('credit');
  bench.time += 3;
  bench.watch.stalled('credit');
  bench.time += 4.5;
  assert.equal(bench.watch.isExpectant, true);
  bench.watch.sent();
  assert.equal(bench.watch.isExpectant, false, 'the next frames cost nothing');
  bench.watch.stalled('credit');
  bench.time += 1;
  bench.watch.stalled('ring');
  bench.time += 2;
  bench.watch.ended(undefined);
  const { credit, ring } = bench.figures.take();
  assert.deepEqual(credit, { count: 2, totalMs: 8.5, maxMs: 7.5 });
  assert.deepEqual(ring, { count: 1, totalMs: 2, maxMs: 2 });
});

test('the events of a handler come in order, and print without secrets', (t) => {
  const log = new EventLog(t);
  const bench = new Bench();
  bench.watch.run(() => {
    bench.watch.stalled('credit');
    bench.time += 4;
    bench.watch.sent();
    bench.cpu += 2500;
    bench.watch.ended({ code: 'unavailable', message: 'later' });
  });
  assert.deepEqual(log.names, [
    'handler.start',
    'handler.stall',
    'handler.resume',
    'handler.firstByte',
    'handler.end',
  ]);
  const [start] = log.of('handlerStart');
  assert.deepEqual([start?.id, start?.openedAt, start?.queuedMs], ['f'.repeat(32), 5, 2]);
  assert.equal(start?.context.caller, 'secret');
  assert.equal(JSON.stringify(start).includes('secret'), false);
  assert.deepEqual(
    log.of('handlerResume').map(({ on, ms }) => [on, ms]),
    [['credit', 4]],
  );
  const [end] = log.of('handlerEnd');
  assert.deepEqual([end?.code, end?.message, end?.cpuMs], ['unavailable', 'later', 2.5]);
});

test('a store that is bound to the start holds in the handler and what it begins, and nowhere else', async (t) => {
  const store = new AsyncLocalStorage<string>();
  channels.handlerStart.bindStore(store, ({ id }: HandlerStartEvent) => id.slice(0, 3));
  t.after(() => channels.handlerStart.unbindStore(store));
  const seen = await new Bench().watch.run(async () => {
    const before = store.getStore();
    await Promise.resolve();
    return [before, store.getStore()];
  });
  assert.deepEqual(seen, ['fff', 'fff']);
  assert.equal(store.getStore(), undefined);
});

test('CPU time is known where Node tells it and the handler had the thread to itself', (t) => {
  const log = new EventLog(t, ['handlerEnd']);
  const alone = new Bench();
  alone.cpu += 1500;
  alone.watch.ended(undefined);
  const shared = new Bench();
  shared.cpu += 1500;
  shared.isShared = true;
  shared.watch.ended(undefined);
  // Node 20 has none.
  const older = new Bench(false);
  older.watch.ended(undefined);
  assert.deepEqual(
    log.of('handlerEnd').map(({ cpuMs }) => cpuMs),
    [1.5, undefined, undefined],
  );
  assert.equal(alone.figures.take().cpuMs, 1.5);
  assert.equal(shared.figures.take().cpuMs, 0);
});

test('what main takes is gone, and the longest wait is of the time since', () => {
  const figures = new SlotFigures(Region.allocate(1, 1), 0 as SlotNumber);
  figures.addStall('ring', 50);
  figures.addStall('ring', 20);
  assert.deepEqual(figures.take().ring, { count: 2, totalMs: 70, maxMs: 50 });
  figures.addStall('ring', 20);
  assert.deepEqual(figures.take().ring, { count: 1, totalMs: 20, maxMs: 20 });
  assert.deepEqual(figures.take().ring, { count: 0, totalMs: 0, maxMs: 0 });
  // Beyond 2^31 of its units, and beyond 2^32.
  figures.addStall('credit', 3e7);
  assert.equal(figures.take().credit.maxMs, 3e7);
  figures.addStall('credit', 1e9);
  assert.equal(figures.take().credit.totalMs, 42_949_672.95);
});

test('a slot’s figures are its own, and a new thread on it begins with none', () => {
  const region = Region.allocate(2, 2);
  const [first, second] = [0, 1].map((slot) => new SlotFigures(region, slot as SlotNumber));
  first?.addStall('credit', 1);
  first?.addCpu(3);
  assert.deepEqual(second?.take(), {
    credit: { count: 0, totalMs: 0, maxMs: 0 },
    ring: { count: 0, totalMs: 0, maxMs: 0 },
    cpuMs: 0,
  });
  assert.equal(new SlotFigures(new Region(region.handle), 0 as SlotNumber).take().cpuMs, 3);
});
