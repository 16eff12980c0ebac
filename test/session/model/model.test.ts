import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../support/seeded-random.ts';
import type { StreamState } from '../../../src/main/streams/stream-state.ts';
import { FakeSlots } from '../../support/fake-workers.ts';
import { isHostEvent, type StreamEvent } from './stream-events.ts';
import { StreamModel } from './stream-model.ts';
import { ORACLE_CELLS, type OracleState } from '../../support/stream-oracle.ts';
import { StreamWorld, type WorldShape } from './stream-world.ts';

/** Random sequences; 100,000 on demand, and then every sequence of the full length too, which takes minutes. */
const SEQUENCES = Number(process.env['IXT_MODEL_SEQUENCES'] ?? 2000);
const SEQUENCE_LENGTH = 200;
const IS_FULL = SEQUENCES >= 100_000;
/** A random sequence that failed says its seed; given here, that one alone is run. */
const SEED = process.env['IXT_MODEL_SEED'];

// Refusals of malformed frames are errors that nobody prints; their stacks would take most of the time.
Error.stackTraceLimit = 0;

const cells = new Map<string, number>();

function kindOf(state: StreamState, terminalCommitted: boolean): OracleState {
  if (terminalCommitted) return 'LINGER';
  switch (state.kind) {
    case 'absent':
      return 'ABSENT';
    case 'queued':
      return state.halfClosed ? 'QUEUED_HALF' : 'QUEUED';
    case 'open':
      return 'OPEN';
    case 'half':
      return 'HALF';
    case 'ending':
      return 'ENDING';
    case 'linger':
      return 'LINGER';
  }
}

/** Both worlds, event by event. */
class Pair {
  readonly model: StreamModel;
  readonly world: StreamWorld;
  readonly done: StreamEvent[] = [];

  constructor(shape: WorldShape, slots: FakeSlots) {
    this.model = new StreamModel(shape, cells);
    this.world = new StreamWorld(shape, slots);
    this.world.frames.length = this.world.ops.length = 0;
  }

  /** @throws AssertionError that names the event after which the two disagree */
  act(event: StreamEvent): void {
    const { model, world } = this;
    this.done.push(event);
    const target = isHostEvent(event.name) ? event : model.target(event.name, event.stream);
    if (target === undefined) throw new Error(`${event.name} can't happen`);
    model.act(event, target);
    world.act(event.name, target);
    compare(model.frames, world.frames, 'frames of the module');
    compare(model.ops, world.ops, 'operations on workers');
    const { streams, clock, entries } = world;
    equal(model.lateFrames, streams.lateFrames, 'late frames');
    equal(model.queue.length, streams.queuedCount, 'queued streams');
    equal(model.queue.length + model.running.length, streams.openCount, 'streams that count');
    equal(model.timers.length, clock.pending, 'timers');
    equal(model.running.length, entries.size, 'running jobs');
    for (const of of model.running) {
      const entry = entries.get(of.job ?? -1);
      if (entry === undefined) throw new assert.AssertionError({ message: `job ${of.job} doesn't run` });
      equal(of.state, kindOf(entry.state, entry.terminalCommitted), `state of job ${of.job}`);
      if (of.state !== 'OPEN' && of.state !== 'HALF') continue;
      equal(of.sendBalance, entry.credit, `what job ${of.job} may send`);
      if (of.state === 'OPEN')
        equal(of.receiveBalance, entry.window.balance(entry.granted), `window of job ${of.job}`);
    }
  }

  /** Ends whatever is left. Then nothing may be left. */
  close(): void {
    if (this.model.target('connectionEnds', 0) !== undefined) this.act({ name: 'connectionEnds', stream: 0 });
    for (let rounds = 0; this.model.running.length > 0; rounds++) {
      const [first] = this.model.running;
      if (first === undefined || rounds > 100) throw new Error('it does not end');
      this.act({ name: rounds % 2 === 0 ? 'settles' : 'exits', stream: first.stream });
    }
    assert.equal(this.world.streams.isIdle, true);
    assert.equal(this.world.clock.pending, 0);
    assert.equal(this.world.scheduler.busy, 0);
  }
}

function compare(expected: string[], actual: string[], what: string): void {
  const isEqual = expected.length === actual.length && expected.every((line, i) => line === actual[i]);
  if (!isEqual) {
    throw new assert.AssertionError({
      message: what,
      expected: [...expected],
      actual: [...actual],
      operator: 'deepEqual',
    });
  }
  expected.length = actual.length = 0;
}

function equal(expected: unknown, actual: unknown, what: string): void {
  if (expected !== actual)
    throw new assert.AssertionError({ message: what, expected, actual, operator: 'equal' });
}

/** Runs one sequence; a failure tells what led to it. */
function run(pair: Pair, how: string, steps: () => void): void {
  try {
    steps();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const events = pair.done.map(({ name, stream }) => `${name}@${stream}`).join(' ');
    const { expected, actual } = error as { expected?: unknown; actual?: unknown };
    const difference = `the model says ${JSON.stringify(expected)}, main ${JSON.stringify(actual)}`;
    throw new Error(`${error.message}: ${difference}\n${how}\n${events}`, { cause: error });
  }
}

/** Runs every sequence of `depth` events, each from the beginning. @returns how many there were */
function runAll(shape: WorldShape, streams: number, depth: number): number {
  const slots = new FakeSlots(shape.workers, shape.streamsPerWorker);
  let sequences = 0;
  /** Choices at each place: the events that were possible there, and which one is taken. */
  const path: { events: StreamEvent[]; at: number }[] = [];
  do {
    const pair = new Pair(shape, slots);
    run(pair, 'one of all sequences', () => {
      for (let place = 0; place < depth; place++) {
        const choice = (path[place] ??= { events: pair.model.enabled(streams, false), at: 0 });
        const event = choice.events[choice.at];
        if (event === undefined) throw new Error('nothing can happen');
        pair.act(event);
      }
      if (sequences % 16 === 0) pair.close();
    });
    sequences++;
    // The next one in order: the last place where another event is left.
    for (let last = path.at(-1); last !== undefined && ++last.at >= last.events.length; last = path.at(-1))
      path.pop();
  } while (path.length > 0);
  return sequences;
}

/**
 * Every event in every state that up to `depth - 1` events lead to, where states that the model can't tell apart are
 * entered once. @returns how many states there were
 */
function runStates(shape: WorldShape, streams: number, depth: number): number {
  const slots = new FakeSlots(shape.workers, shape.streamsPerWorker);
  const seen = new Set<string>([new StreamModel(shape).key()]);
  let paths: StreamEvent[][] = [[]];
  for (let length = 1; length <= depth; length++) {
    const longer: StreamEvent[][] = [];
    for (const path of paths) {
      let events: StreamEvent[] | undefined;
      for (let at = 0; events === undefined || at < events.length; at++) {
        const pair = new Pair(shape, slots);
        run(pair, 'one of all states', () => {
          for (const event of path) pair.act(event);
          events ??= pair.model.enabled(streams, true);
          const event = events[at];
          if (event === undefined) throw new Error('nothing can happen');
          pair.act(event);
          const key = pair.model.key();
          if (seen.has(key)) return;
          seen.add(key);
          longer.push([...path, event]);
          pair.close();
        });
      }
    }
    paths = longer;
  }
  return seen.size;
}

/** Whole numbers from 0 to below, the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  const random = seededRandom(seed);
  return (below) => Math.floor(random() * below);
}

const ONE: WorldShape = { workers: 1, streamsPerWorker: 1, maxQueue: 1, isReady: true };
const SHARED: WorldShape = { workers: 1, streamsPerWorker: 2, maxQueue: 1, isReady: true };

const LENGTHS = IS_FULL ? { one: 6, two: 4 } : { one: 4, two: 3 };

for (const isReady of [true, false]) {
  const where = isReady ? 'with a worker that is ready' : 'before the first worker is';
  test(`every sequence of up to ${LENGTHS.one} events on one stream, ${where}, goes as the table says`, (t) => {
    t.diagnostic(`${runAll({ ...ONE, isReady }, 1, LENGTHS.one)} sequences`);
  });
}

test(`every sequence of up to ${LENGTHS.two} events on two streams with one worker goes as the table says`, (t) => {
  t.diagnostic(`${runAll(ONE, 2, LENGTHS.two)} sequences`);
});

test('every event in every state that six events on one stream lead to goes as the table says', (t) => {
  t.diagnostic(`${runStates(ONE, 1, 6)} states`);
});

test('every event in every state that four events on two streams lead to goes as the table says', (t) => {
  t.diagnostic(`${runStates(SHARED, 2, 4)} states`);
});

test(`${SEQUENCES} random sequences of ${SEQUENCE_LENGTH} events go as the table says`, () => {
  const shapes: WorldShape[] = [
    { workers: 1, streamsPerWorker: 1, maxQueue: 2, isReady: false },
    { workers: 2, streamsPerWorker: 1, maxQueue: 1, isReady: true },
    { workers: 2, streamsPerWorker: 2, maxQueue: 2, isReady: true },
  ];
  const worlds = shapes.map((shape) => ({
    shape,
    slots: new FakeSlots(shape.workers, shape.streamsPerWorker),
  }));
  const seeds = SEED === undefined ? Array.from({ length: SEQUENCES }, (_, seed) => seed) : [Number(SEED)];
  for (const seed of seeds) {
    const world = worlds[seed % worlds.length];
    if (world === undefined) throw new Error('no world');
    const random = randomFrom(seed);
    const pair = new Pair(world.shape, world.slots);
    run(pair, `to run it again: IXT_MODEL_SEED=${seed}`, () => {
      for (let i = 0; i < SEQUENCE_LENGTH; i++) {
        const events = pair.model.enabled(3, true);
        // The end of the connection leaves little to see afterwards: late, or not at all.
        const pick = events[random(events.length)];
        if (pick === undefined || (pick.name === 'connectionEnds' && i < SEQUENCE_LENGTH - 20)) continue;
        pair.act(pick);
      }
      pair.close();
    });
  }
});

test('every cell of the table was used', () => {
  if (SEED !== undefined) return;
  /** What can happen to a stream although the table has nothing for it to do. */
  const reachable = new Set([
    'deadline in ENDING',
    'deadline in LINGER',
    'connectionEnds in ENDING',
    'connectionEnds in LINGER',
    'graceOver in LINGER',
    'revoked in LINGER',
  ]);
  // The methods of this world have no limits of their own; those of test/session/method-limits.test.ts have.
  const isOfWorld = ({ action, name }: (typeof ORACLE_CELLS)[number]): boolean =>
    !name.startsWith('inputBeyondLimit') && (action !== '-' || reachable.has(name));
  const unused = ORACLE_CELLS.filter((cell) => isOfWorld(cell) && !cells.has(cell.name));
  assert.deepEqual(
    unused.map(({ name }) => name),
    [],
  );
});
