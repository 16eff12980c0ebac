import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answers } from '../../src/main/output/answers.ts';
import { Lifecycle, type LifecycleHost } from '../../src/main/process/lifecycle.ts';
import { DEFAULT_OPTIONS, EXIT } from '../../src/main/options.ts';
import { decodeHealthReport, decodeInitialized, decodeIpcError } from '../../src/wire/payload-decode.ts';
import { encodeInitialize, encodeShutdown } from '../../src/wire/payload-encode.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';
import { EMPTY_PAYLOAD, EnvelopeDecoder } from '../../src/wire/envelope.ts';
import { MESSAGE_TYPE } from '../../src/wire/message-type.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import { MANIFEST, NOW } from '../support/module-facts.ts';

/** Each step of the end is held until the test lets it go on. */
class Bench {
  readonly clock = new TestClock(NOW);
  readonly log: string[] = [];
  readonly payloads = new Map<string, Uint8Array>();
  readonly lifecycle: Lifecycle;
  /** Bytes that the host has read; `undefined`: nothing waits for it. */
  taken: number | undefined;
  /** What the threads have been given at the end, in ms. */
  patience: number | undefined;
  /** Why no worker can be had. */
  unavailable: string | undefined;
  readonly #gates = new Map<string, () => void>();

  constructor({ receiveWindow = DEFAULT_OPTIONS.receiveWindow, isLoaded = true } = {}) {
    const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
    const outlet = {
      send: (message: Uint8Array) => {
        envelope.decode(message, 0, message.length);
        const requestId = envelope.requestId();
        const isRefusal = envelope.typeNumber === MESSAGE_TYPE.error;
        this.log.push(`${isRefusal ? 'refuse' : 'answer'} ${requestId}`);
        this.payloads.set(requestId, envelope.payload());
      },
    };
    const host: LifecycleHost = {
      options: { ...DEFAULT_OPTIONS, file: '', workers: 3, receiveWindow },
      clock: this.clock,
      configure: (config) => this.log.push(`config ${config.join()}`),
      acceptProgress: () => this.log.push('accept progress'),
      drain: () => this.log.push('drain'),
      cancelAll: () => this.log.push('cancel all'),
      workDone: () => this.#gate('work'),
      closeModules: () => this.#gate('modules'),
      stopListening: () => this.log.push('stop listening'),
      flushed: () => this.#gate('flush'),
      taken: () => this.taken,
      figures: () => ({
        openStreams: 1,
        queuedOpens: 2,
        workers: 3,
        busyWorkers: 3,
        framesIn: 4,
        framesOut: 5,
        bytesIn: 6,
        bytesOut: 7,
      }),
      unavailable: () => this.unavailable,
      log: () => {},
      exit: (code, patienceMs) => {
        this.patience = patienceMs;
        this.log.push(`exit ${code}`);
      },
    };
    this.lifecycle = new Lifecycle(host, new Answers(outlet, DEFAULT_OPTIONS.maxErrorMessageBytes));
    if (isLoaded) this.lifecycle.onManifest(MANIFEST);
  }

  #gate(name: string): Promise<void> {
    this.log.push(`wait for ${name}`);
    return new Promise((resolve) => this.#gates.set(name, resolve));
  }

  /** What it waits for has happened. */
  async open(name: string): Promise<void> {
    const gate = this.#gates.get(name);
    if (gate === undefined) throw new Error(`nobody waits for ${name}`);
    this.#gates.delete(name);
    gate();
    await new Promise((resolve) => setImmediate(resolve));
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

test('a shutdown drains, lets the modules close, flushes, and is answered last of all', async () => {
  const bench = new Bench();
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
  const bench = new Bench();
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
    const bench = new Bench();
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
  const bench = new Bench();
  bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
  bench.take();
  bench.clock.advance(4999);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), ['cancel all']);
});

test('a drain time of 0 cancels at once', () => {
  const bench = new Bench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  assert.deepEqual(bench.take().slice(0, 2), ['drain', 'cancel all']);
});

test('a second shutdown is answered when the first is', async () => {
  const bench = new Bench();
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
    const bench = new Bench();
    if (isDraining) bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
    bench.lifecycle.onInputEnd();
    assert.ok(bench.take().includes('cancel all'));
    for (const gate of ['work', 'modules', 'flush', 'flush']) await bench.open(gate);
    assert.equal(bench.take().at(-1), 'exit 0');
  }
});

test('a host that closes and never reads holds the process up for the grace time and 500 ms', () => {
  const bench = new Bench();
  bench.lifecycle.onInputEnd();
  bench.take();
  bench.clock.advance(1499);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(1);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('a host that reads on, however slowly, gets all that is owed, and one that stops is not waited for', () => {
  const bench = new Bench();
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
  const bench = new Bench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 0 }));
  bench.take();
  bench.taken = 1000;
  bench.clock.advance(DEFAULT_OPTIONS.cancelGraceMs);
  bench.taken = undefined;
  bench.clock.advance(500);
  assert.deepEqual(bench.take(), ['exit 0']);
});

test('a host that says all at once learns whether the module loads', async () => {
  const bench = new Bench({ isLoaded: false });
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
  const bench = new Bench({ isLoaded: false });
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
  const bench = new Bench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({}));
  bench.lifecycle.onSignal(143);
  await bench.open('work');
  assert.deepEqual(bench.take().slice(-2), ['refuse i', 'wait for modules']);
});

test('a signal drains by default and ends with its code; a second one ends at once', async () => {
  const bench = new Bench();
  bench.lifecycle.onSignal(143);
  assert.deepEqual(bench.take(), ['drain', 'wait for work']);
  bench.lifecycle.onSignal(130);
  assert.deepEqual(bench.take(), ['exit 130']);
  const patient = new Bench();
  patient.lifecycle.onSignal(143);
  for (const gate of ['work', 'modules', 'flush', 'flush']) await patient.open(gate);
  assert.equal(patient.take().at(-1), 'exit 143');
});

test('initialize is answered once the first worker has loaded, with what the module offers', () => {
  const bench = new Bench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({ config: new Uint8Array([1, 2]) }));
  assert.deepEqual(bench.take(), ['config 1,2']);
  bench.lifecycle.onManifest({ ...MANIFEST, kvChange: true });
  bench.lifecycle.onInitialize('later', EMPTY_PAYLOAD);
  assert.deepEqual(bench.take(), ['answer i', 'config ', 'answer later']);
  const initialized = decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.deepEqual(initialized, {
    protocolVersion: 1,
    moduleName: 'bench',
    moduleVersion: '1.0.0',
    capabilities: ['handle', 'kvChange', 'serverStream'],
    methods: ['echo', 'tail'],
    workers: 3,
    initialCredit: 262_144,
    methodInfo: [],
  });
});

test('capabilities are only what the module has, and methods only what it names', () => {
  const bench = new Bench({ isLoaded: false });
  bench.lifecycle.onManifest({ ...MANIFEST, handle: undefined, streams: { mode: 'sync' } });
  bench.lifecycle.onInitialize('i', EMPTY_PAYLOAD);
  const { capabilities, methods } = decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.deepEqual([capabilities, methods], [['serverStream'], []]);
});

test('a larger first window is announced', () => {
  const bench = new Bench({ receiveWindow: 1 << 20 });
  bench.lifecycle.onInitialize('i', EMPTY_PAYLOAD);
  assert.equal(decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD).initialCredit, 1 << 20);
});

test('a protocol version that the module does not speak is refused with its own', () => {
  const bench = new Bench();
  bench.lifecycle.onInitialize('i', encodeInitialize({ protocolVersion: 2, config: new Uint8Array([1]) }));
  assert.deepEqual(bench.take(), ['refuse i'], 'and its config is not taken');
  const { code, message } = decodeIpcError(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.equal(code, 'unimplemented');
  assert.match(message, /\b1\b/);
});

test('health is answered at any time and says whether the module drains', () => {
  const bench = new Bench();
  bench.clock.advance(1234);
  bench.lifecycle.onHealth('h', EMPTY_PAYLOAD);
  const serving = decodeHealthReport(bench.payloads.get('h') ?? EMPTY_PAYLOAD);
  assert.ok(serving.rssBytes > 1 << 20);
  assert.deepEqual(
    { ...serving, rssBytes: 0 },
    {
      status: 'serving',
      openStreams: 1,
      queuedOpens: 2,
      workers: 3,
      busyWorkers: 3,
      uptimeMs: 1234,
      framesIn: 4,
      framesOut: 5,
      bytesIn: 6,
      bytesOut: 7,
      rssBytes: 0,
    },
  );
  bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
  bench.lifecycle.onHealth('h', EMPTY_PAYLOAD);
  assert.equal(decodeHealthReport(bench.payloads.get('h') ?? EMPTY_PAYLOAD).status, 'draining');
});

test('the first signal during a host’s shutdown ends nothing early, the second exits at once', () => {
  const bench = new Bench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 60_000 }));
  bench.lifecycle.onSignal(143);
  assert.ok(!bench.log.some((entry) => entry.startsWith('exit')));
  bench.lifecycle.onSignal(143);
  assert.equal(bench.log.at(-1), 'exit 143');
});

test('a signal during a host’s shutdown leaves no more than the default drain time', () => {
  const bench = new Bench();
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
  const bench = new Bench();
  bench.lifecycle.onShutdown('s', encodeShutdown({ drainMs: 100 }));
  bench.lifecycle.onSignal(143);
  bench.take();
  bench.clock.advance(100);
  assert.deepEqual(bench.take(), ['cancel all']);
});

test('an end that a signal began keeps its code when the host goes away and the end gets stuck', () => {
  const bench = new Bench();
  bench.lifecycle.onSignal(143);
  bench.lifecycle.onInputEnd();
  bench.clock.advance(60_000);
  assert.deepEqual(
    bench.log.filter((entry) => entry.startsWith('exit')),
    ['exit 143'],
  );
});

test('initialize is refused with the cause where no worker can be had, and answered again when one is back', () => {
  const bench = new Bench({ isLoaded: false });
  bench.lifecycle.onInitialize('waits', encodeInitialize({}));
  bench.unavailable = 'no thread can start';
  bench.lifecycle.onNoWorker(bench.unavailable);
  bench.lifecycle.onInitialize('comes', encodeInitialize({}));
  bench.unavailable = undefined;
  bench.lifecycle.onInitialize('later', encodeInitialize({}));
  bench.lifecycle.onManifest(MANIFEST);
  assert.deepEqual(
    bench.take().filter((line) => !line.startsWith('config')),
    ['refuse waits', 'refuse comes', 'answer later'],
  );
  const { code, message } = decodeIpcError(bench.payloads.get('comes') ?? EMPTY_PAYLOAD);
  assert.equal(code, 'unavailable');
  assert.match(message, /no thread can start/);
});

test('the end does not wait for the first load where no worker can be had', async () => {
  const bench = new Bench({ isLoaded: false });
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
