import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressWriter } from '../../src/shared-memory/progress-slot.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { MAX_PROGRESS_BYTES } from '../../src/wire/flow-limits.ts';
import { encodeInitialize } from '../../src/wire/payload-encode.ts';
import { commitEnd } from '../support/fake-workers.ts';
import { MainHarness, type Task } from '../support/main-harness.ts';
import { idOf, MANIFEST } from '../support/module-facts.ts';

const PROGRESS = ['progress'];

/** Main, a host that says what it accepts, and handlers whose progress the test sets. */
class World {
  readonly harness: MainHarness;
  readonly #writers = new Map<Task, ProgressWriter>();

  /** @param accepts of the host's `initialize`; left out: it has sent none */
  constructor(accepts: readonly string[] | undefined, options = {}, manifest = MANIFEST) {
    this.harness = new MainHarness(options, manifest);
    if (accepts !== undefined) this.initialize('first', accepts);
  }

  initialize(requestId: string, accepts: readonly string[]): void {
    this.harness.host(encodeEnvelope('initialize', requestId, encodeInitialize({ accepts })));
  }

  /** Opens stream `number`, whose handler is synchronous. */
  open(number: number): Task {
    this.harness.host(encodeOpenFrame(idOf(number), { method: 'echo' }));
    return this.harness.task(this.harness.tasks.length - 1);
  }

  /** The handler sets a value, as `StreamJob` does. */
  set(task: Task, text: string): void {
    const known = this.#writers.get(task);
    const writer = known ?? new ProgressWriter(MAX_PROGRESS_BYTES);
    this.#writers.set(task, writer);
    const isUntold = writer.publish(Buffer.from(text));
    const { link, number: jobId } = task;
    if (known === undefined) link.say({ type: 'progress', jobId, memory: writer.memory });
    else if (isUntold) link.say({ type: 'progress', jobId });
  }

  /** What main has written since the last call: values of progress as text, everything else by its name. */
  async seen(): Promise<string[]> {
    const messages = await this.harness.take();
    return messages.map(({ type, frame }) => {
      if (frame === undefined) return type;
      return frame.arm === 'progress' ? Buffer.from(frame.value).toString() : frame.arm;
    });
  }
}

test('progress leaves at once, then every 50 ms, and each time the latest value alone', async () => {
  const world = new World(PROGRESS);
  const task = world.open(1);
  world.set(task, '1');
  assert.deepEqual(await world.seen(), ['response', '1']);
  for (const value of ['2', '3', '4']) world.set(task, value);
  assert.deepEqual(await world.seen(), []);
  world.harness.clock.advance(49);
  assert.deepEqual(await world.seen(), []);
  world.harness.clock.advance(1);
  assert.deepEqual(await world.seen(), ['4']);
  world.harness.clock.advance(1000);
  assert.deepEqual(await world.seen(), [], 'a value leaves once');
  world.set(task, '5');
  assert.deepEqual(await world.seen(), ['5']);
});

test('at most 20 values a second leave for a stream, and the others of its worker have their own count', async () => {
  const world = new World(PROGRESS, { workers: 2 });
  const [one, two] = [world.open(1), world.open(2)];
  for (let ms = 0; ms < 1000; ms++) {
    world.set(one, `one ${ms}`);
    if (ms % 500 === 0) world.set(two, `two ${ms}`);
    if (ms < 999) world.harness.clock.advance(1);
  }
  const seen = await world.seen();
  assert.equal(seen.filter((value) => value.startsWith('one')).length, 20);
  assert.deepEqual(
    seen.filter((value) => value.startsWith('two')),
    ['two 0', 'two 500'],
  );
});

test('a host that has not said so never gets progress, and a later initialize changes nothing', async () => {
  const world = new World(['later']);
  const task = world.open(1);
  world.set(task, '1');
  world.initialize('second', ['progress']);
  world.set(task, '2');
  world.harness.clock.advance(1000);
  assert.deepEqual(await world.seen(), ['response', 'response']);
});

test('what a host accepts counts from the answer to its initialize, for streams that it opened before, too', async () => {
  const world = new World(undefined);
  const task = world.open(1);
  world.set(task, 'early');
  assert.deepEqual(await world.seen(), []);
  world.initialize('late', ['progress']);
  assert.deepEqual(await world.seen(), ['response', 'early']);
});

test('progress stays behind an answer to initialize that is larger than what main writes at once', async () => {
  const methods = Array.from({ length: 3000 }, (_, i) => ({ name: `method-${i}`, mode: 'sync' as const }));
  const world = new World(
    undefined,
    {},
    { ...MANIFEST, streams: { methods: [{ name: 'echo', mode: 'sync' }, ...methods] } },
  );
  const [harness, task] = [world.harness, world.open(1)];
  world.set(task, 'early');
  harness.isReading = false;
  harness.host(encodeEnvelope('health', '1', new Uint8Array(0)));
  await world.seen();
  harness.host(encodeEnvelope('health', '2', new Uint8Array(0)));
  world.initialize('late', ['progress']);
  const seen: string[] = [];
  while (seen.length < 3) {
    harness.hostReads();
    seen.push(...(await world.seen()));
  }
  assert.deepEqual(seen, ['response', 'response', 'early']);
});

test('no progress follows the terminal frame, however main’s writing and the worker’s end fall together', async () => {
  const world = new World(PROGRESS);
  const [harness, task] = [world.harness, world.open(1)];
  assert.deepEqual(await world.seen(), ['response']);
  // Main writes, and with the lock in its hands the worker's frames wait in its ring.
  harness.isReading = false;
  harness.host(encodeEnvelope('health', 'h', new Uint8Array(0)));
  assert.deepEqual(await world.seen(), ['response']);
  world.set(task, 'too late');
  commitEnd(task.job, undefined);
  harness.isReading = true;
  harness.hostReads();
  assert.deepEqual(await world.seen(), ['close']);
});

test('a value that main writes ahead of the worker’s end comes ahead of it', async () => {
  const world = new World(PROGRESS);
  const [harness, task] = [world.harness, world.open(1)];
  await world.seen();
  harness.isReading = false;
  world.set(task, 'in time');
  commitEnd(task.job, undefined);
  harness.isReading = true;
  harness.hostReads();
  assert.deepEqual(await world.seen(), ['in time', 'close']);
});

test('a stream that is being stopped, whose worker was ended, or that has ended, sends no more progress', async () => {
  const world = new World(PROGRESS, { workers: 3 });
  const [stopped, killed, ended] = [world.open(1), world.open(2), world.open(3)];
  await world.seen();
  world.harness.host(new FrameEncoder(idOf(1)).cancel('enough'));
  world.set(stopped, 'stopped');
  world.harness.kill(killed);
  world.set(killed, 'killed');
  commitEnd(ended.job, undefined);
  world.harness.settle(ended);
  world.set(ended, 'ended');
  world.harness.clock.advance(100);
  assert.deepEqual(await world.seen(), ['error']);
});

test('progress waits for no ring that never runs dry', async () => {
  const world = new World(PROGRESS, { workers: 2 });
  const [busy, task] = [world.open(1), world.open(2)];
  const { harness } = world;
  await world.seen();
  harness.isReading = false;
  harness.host(encodeEnvelope('health', 'h', new Uint8Array(0)));
  await world.seen();
  const payload = new Uint8Array(1 << 16);
  const seen: string[] = [];
  world.set(task, 'here');
  for (let reads = 0; reads < 300 && !seen.includes('here'); reads++) {
    busy.job.control.addCredit(payload.length);
    while (busy.job.output.trySend(payload, payload.length) === 'sent')
      busy.job.control.addCredit(payload.length);
    harness.hostReads();
    seen.push(...(await world.seen()));
  }
  assert.ok(seen.includes('here'), `${seen.length} other frames`);
});
