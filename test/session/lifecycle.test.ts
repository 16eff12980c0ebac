import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS, EXIT } from '../../src/main/options.ts';
import { decodeHealthReport } from '../../src/wire/payload-decode.ts';
import { encodeInitialize, encodeShutdown } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { MANIFEST } from '../support/module-facts.ts';
import { LifecycleBench } from './lifecycle-bench.ts';

test('a shutdown drains, lets the modules close, flushes, and is answered last of all', async () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 300 }));
  assert.deepEqual(bench.take(), ['drain', 'wait for work']);
  await bench.open('work');
  assert.deepEqual(bench.take(), ['wait for modules']);
  await bench.open('modules');
  assert.deepEqual(bench.take(), ['wait for flush']);
  await bench.open('flush');
  assert.deepEqual(bench.take(), ['stop listening', 'answer s', 'wait for flush']);
  assert.equal(bench.payloads.get('s')?.length, 0);
  await bench.open('flush');
  assert.deepEqual(bench.take(), [`exit ${EXIT.ok}`]);
});

test('what still runs when the drain time is over is cancelled, and the process ends even if that does not help', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 300 }));
  bench.take();
  bench.clock.advance(300);
  assert.deepEqual(bench.take(), ['cancel all']);
  // The grace time, and half a second for a host that doesn't read.
  bench.clock.advance(1499);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), [`exit ${EXIT.ok}`]);
});

for (const hour of [3_600_000, -3_600_000]) {
  test(`an hour ${hour > 0 ? 'forward' : 'back'} on the clock of the day changes no drain, no last wait and no uptime`, async () => {
    const bench = new LifecycleBench();
    bench.clock.advance(40);
    bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 5_000 }));
    bench.take();
    bench.clock.advance(1_000);
    bench.clock.setDay(hour);
    bench.clock.advance(3_999);
    bench.lifecycle.onHealth('h', EMPTY_PAYLOAD);
    assert.equal(decodeHealthReport(bench.payloads.get('h') ?? EMPTY_PAYLOAD).uptimeMs, 5_039);
    // A signal sets an end of its own, which may only be nearer: 5 s from now are later than what is left.
    bench.lifecycle.onSignal(143);
    assert.deepEqual(bench.take(), ['answer h']);
    bench.clock.advance(1);
    assert.deepEqual(bench.take(), ['cancel all']);
    for (const gate of ['work', 'modules', 'flush', 'flush']) await bench.open(gate);
    assert.deepEqual(bench.patience, 1_500, 'what is left of the time is for the threads');
  });
}

test('an empty shutdown payload drains for the schema’s 5 seconds', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
  bench.take();
  bench.clock.advance(4999);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), ['cancel all']);
});

test('a drain time of 0 cancels at once', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  assert.deepEqual(bench.take().slice(0, 2), ['drain', 'cancel all']);
});

test('a second shutdown is answered when the first is', async () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('1', EMPTY_PAYLOAD);
  bench.lifecycle.onShutdown('2', encodeShutdown({ drainMs: 0 }));
  for (const gate of ['work', 'modules', 'flush']) await bench.open(gate);
  assert.deepEqual(
    bench.take().filter((line) => line.startsWith('answer') || line === 'drain'),
    ['drain', 'answer 1', 'answer 2'],
  );
});

test('the end of stdin cancels at once, also in the middle of a drain, and exits 0', async () => {
  for (const isDraining of [false, true]) {
    const bench = new LifecycleBench();
    if (isDraining) bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
    bench.lifecycle.onInputEnd();
    assert.ok(bench.take().includes('cancel all'));
    for (const gate of ['work', 'modules', 'flush', 'flush']) await bench.open(gate);
    assert.equal(bench.take().at(-1), 'exit 0');
  }
});

test('a host that closes and never reads holds the process up for the grace time and 500 ms', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onInputEnd();
  bench.take();
  bench.clock.advance(1499);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('a host that reads on, however slowly, gets all that is owed, and one that stops is not waited for', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  bench.take();
  bench.taken = 0;
  bench.clock.advance(DEFAULT_OPTIONS.cancelGraceMs);
  for (let round = 0; round < 10; round++) {
    bench.taken += 1000;
    bench.clock.advance(500);
    assert.deepEqual(bench.take(), [], `round ${round}`);
  }
  bench.clock.advance(500);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('what a host reads meanwhile holds nothing up where nothing waits for it', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  bench.take();
  bench.taken = 1000;
  bench.clock.advance(DEFAULT_OPTIONS.cancelGraceMs);
  bench.taken = undefined;
  bench.clock.advance(500);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('a host that says all at once learns whether the module loads', async () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({}));
  bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
  await bench.open('work');
  assert.ok(!bench.take().includes('wait for modules'), 'it waits for the module');
  bench.lifecycle.onManifest(MANIFEST);
  await Promise.resolve();
  assert.deepEqual(bench.take(), ['answer i', 'wait for modules']);
  for (const gate of ['modules', 'flush']) await bench.open(gate);
  assert.ok(bench.take().includes('answer s'));
});

test('the wait for the first load outlasts the grace time, but not the host', async () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({}));
  bench.lifecycle.onInputEnd();
  await bench.open('work');
  bench.clock.advance(5000);
  assert.ok(!bench.take().some((line) => line.startsWith('exit')));
  bench.lifecycle.onHostGone();
  await Promise.resolve();
  assert.deepEqual(bench.take(), ['refuse i', 'wait for modules']);
  bench.clock.advance(500);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('a signal does not wait for the module, and refuses who waits for it', async () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({}));
  bench.lifecycle.onSignal(143);
  await bench.open('work');
  assert.deepEqual(bench.take().slice(-2), ['refuse i', 'wait for modules']);
});

test('a signal drains by default and ends with its code; a second one ends at once', async () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onSignal(143);
  assert.deepEqual(bench.take(), ['drain', 'wait for work']);
  bench.lifecycle.onSignal(130);
  assert.deepEqual(bench.take(), ['exit 130']);
  const patient = new LifecycleBench();
  patient.lifecycle.onSignal(143);
  for (const gate of ['work', 'modules', 'flush', 'flush']) await patient.open(gate);
  assert.equal(patient.take().at(-1), 'exit 143');
});

test('the first signal during a host’s shutdown ends nothing early, the second exits at once', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 60_000 }));
  bench.lifecycle.onSignal(143);
  assert.ok(!bench.log.some((entry) => entry.startsWith('exit')));
  bench.lifecycle.onSignal(143);
  assert.equal(bench.log.at(-1), 'exit 143');
});

test('a signal during a host’s shutdown leaves no more than the default drain time', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 2 ** 32 - 1 }));
  bench.clock.advance(60_000);
  bench.lifecycle.onSignal(143);
  bench.take();
  bench.clock.advance(DEFAULT_OPTIONS.drainMs - 1);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), ['cancel all']);
  bench.clock.advance(DEFAULT_OPTIONS.cancelGraceMs + 500);
  assert.deepEqual(bench.take(), [`exit ${EXIT.ok}`]);
  assert.equal(bench.clock.pending, 0);
});

test('a signal does not lengthen a shorter drain', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 100 }));
  bench.lifecycle.onSignal(143);
  bench.take();
  bench.clock.advance(100);
  assert.deepEqual(bench.take(), ['cancel all']);
});

test('an end that a signal began keeps its code when the host goes away and the end gets stuck', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onSignal(143);
  bench.lifecycle.onInputEnd();
  bench.clock.advance(60_000);
  assert.deepEqual(
    bench.log.filter((entry) => entry.startsWith('exit')),
    ['exit 143'],
  );
});

test('the end does not wait for the first load where no worker can be had', async () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  await bench.open('work');
  bench.unavailable = 'no thread can start';
  bench.lifecycle.onNoWorker(bench.unavailable);
  for (const gate of ['modules', 'flush', 'flush']) {
    await new Promise((resolve) => setImmediate(resolve));
    await bench.open(gate);
  }
  assert.deepEqual(bench.take().slice(-1), [`exit ${EXIT.ok}`]);
});
