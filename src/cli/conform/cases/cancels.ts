import { expectChunks } from '../breach.ts';
import { AT_ONCE_MS, CANCELLED_MS, type ConformCase } from '../case.ts';
import type { ChildStream } from '../child-stream.ts';
import type { ModuleChild } from '../module-child.ts';
import { entries } from './streams.ts';

/** Cancel and deadline, whatever the handler does. */
export const CANCEL_CASES: readonly ConformCase[] = [
  {
    name: 'a cancel ends a handler that waits for its input',
    rule: 'section 6, Cancel and deadline',
    needs: ['sink'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('sink').data(Uint8Array.of(1));
      await child.health();
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'a cancel still counts after the host’s close',
    rule: 'section 4, close',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const stream = spinning(child).close();
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'a cancel ends a handler that waits for credit',
    rule: 'section 5, Sending',
    needs: ['source'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('source', { metadata: entries({ count: '9', size: '8' }), initialCredit: 0 });
      await child.health();
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
      stream.expectNoData();
    },
  },
  {
    name: 'a cancel reaches a handler that computes without a pause',
    rule: 'section 6, Cancel and deadline',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const stream = spinning(child);
      await untilBusy(child);
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'a handler that never looks is ended after the grace time, and the module serves on',
    rule: 'section 6, Cancel and deadline',
    needs: ['hang', 'echo'],
    child: 'shared',
    run: async (child) => {
      const streams = Array.from({ length: child.info.workers }, () => child.open('hang'));
      await untilBusy(child, streams.length);
      for (const stream of streams) stream.cancel();
      for (const stream of streams) await stream.ends('cancelled', CANCELLED_MS);
      expectChunks(await child.open('echo').data(Uint8Array.of(1)).close().collect(), [Uint8Array.of(1)]);
    },
  },
  {
    name: 'a cancel, an error of the host and a deadline end a stream that waits for a worker, at once',
    rule: 'section 6, Cancel and deadline',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const running = Array.from({ length: child.info.workers }, () => spinning(child));
      await untilBusy(child, running.length);
      const cancelled = spinning(child);
      cancelled.cancel();
      await cancelled.ends('cancelled', AT_ONCE_MS);
      const failed = spinning(child);
      child.send(failed.encoder.error({ code: 'internal', message: 'the host has failed' }));
      await failed.ends('cancelled', AT_ONCE_MS);
      const late = child.open('spin', { deadlineUnixMs: Date.now() + 200, metadata: [['ms', '60000']] });
      await late.ends('deadlineExceeded', AT_ONCE_MS + 200);
      for (const stream of running) stream.cancel();
      for (const stream of running) await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'an error of the host is answered like a cancel',
    rule: 'section 4, error',
    needs: ['sink'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('sink').data(Uint8Array.of(1));
      child.send(stream.encoder.error({ code: 'handlerFailed', message: 'the host has failed' }));
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'the first cause of an end wins, and the end comes once',
    rule: 'section 4, What the module owes',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const stream = spinning(child);
      stream.cancel('once');
      stream.cancel('twice');
      // Each of them would end a stream that has no cause yet with another code. (An Open would begin a new stream, where the
      // first one has ended already.)
      child.send(stream.encoder.credit(0xffff_ffff));
      for (let round = 0; round < 2; round++) child.send(stream.encoder.close());
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'a deadline ends a handler that waits, and one that computes',
    rule: 'section 6, Cancel and deadline',
    needs: ['sink', 'spin'],
    child: 'shared',
    run: async (child) => {
      const deadlineUnixMs = Date.now() + 300;
      const streams = [
        child.open('sink', { deadlineUnixMs }),
        child.open('spin', { deadlineUnixMs, metadata: entries({ ms: '60000' }) }),
      ];
      for (const stream of streams) await stream.ends('deadlineExceeded', CANCELLED_MS);
    },
  },
  {
    name: 'an Open whose deadline has passed never runs',
    rule: 'section 4, open',
    needs: ['exit'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('exit', { deadlineUnixMs: Date.now() - 1_000 });
      await stream.ends('deadlineExceeded', AT_ONCE_MS);
    },
  },
];

/** A handler that computes for a minute, unless it is cancelled. */
function spinning(child: ModuleChild): ChildStream {
  return child.open('spin', { metadata: entries({ ms: '60000' }) });
}

/** Waits until that many workers run something; each look is a question to the module and its answer. */
async function untilBusy(child: ModuleChild, workers = 1): Promise<void> {
  while ((await child.health()).busyWorkers < workers);
}
