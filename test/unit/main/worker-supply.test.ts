import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerSupply, type Place } from '../../../src/main/workers/worker-supply.ts';
import { TestClock } from '../../../src/testing/test-clock.ts';

const UNAVAILABLE_MS = 30_000;
const IDLE_MS = 60_000;

/** The policy, with threads that are the test's. */
class Supplied {
  readonly clock = new TestClock(0);
  readonly told: string[] = [];
  /** Places whose thread loads, in the order in which they got their turn. */
  readonly loading: Place[] = [];
  hasRoom = true;
  /** Why no thread can be started. */
  fault: string | undefined;
  readonly supply: WorkerSupply;

  /** Places whose worker was found to have nothing to do. They sleep, unless {@link isBusyAfterAll}. */
  readonly idle: Place[] = [];
  isBusyAfterAll = false;

  constructor(workers: number, loadsAtOnce = workers, minWorkers = workers) {
    this.supply = new WorkerSupply(
      { workers, minWorkers, idleMs: IDLE_MS, loadsAtOnce, unavailableMs: UNAVAILABLE_MS, clock: this.clock },
      {
        onTurn: (place) => {
          if (this.fault === undefined) this.loading.push(place);
          else {
            this.told.push(`try at ${this.clock.now()}`);
            this.supply.failed(place, { why: this.fault, hasRun: false });
          }
        },
        onIdle: (place) => {
          if (this.isBusyAfterAll) return this.supply.rests(place);
          this.supply.slept(place);
          this.idle.push(place);
        },
        hasRoom: () => this.hasRoom,
        onShort: ({ missing, why }) => this.told.push(`${missing} missing: ${why}`),
        onFull: () => this.told.push('full'),
        onNone: (why) => this.told.push(`none: ${why}`),
        onBadModule: (why) => this.told.push(`bad module: ${why}`),
      },
    );
    this.supply.fill();
  }

  /** The place whose turn came first loads the module. @returns it */
  load(): Place {
    const place = this.#first();
    this.supply.loaded(place);
    return place;
  }

  /** The same place can't. */
  fail(why: string): void {
    this.supply.failed(this.#first(), { why, hasRun: true });
  }

  take(): string[] {
    return this.told.splice(0);
  }

  #first(): Place {
    const place = this.loading.shift();
    if (place === undefined) throw new Error('no thread loads');
    return place;
  }
}

/** All loaded. */
function full(workers: number): { s: Supplied; places: Place[] } {
  const s = new Supplied(workers);
  const places = Array.from({ length: workers }, () => s.load());
  return { s, places };
}

test('no more threads load at once than are allowed, and the next one has its turn as soon as one is done', () => {
  const s = new Supplied(5, 2);
  assert.equal(s.loading.length, 2);
  s.load();
  assert.equal(s.loading.length, 2);
  s.load();
  s.load();
  assert.equal(s.loading.length, 2);
  s.load();
  s.load();
  assert.equal(s.loading.length, 0);
  assert.deepEqual(s.take(), [], 'nothing was lost: nothing is told');
});

test('a worker that has run something and ends is replaced at once, and nothing is told', () => {
  const { s, places } = full(3);
  const [place] = places;
  if (place === undefined) throw new Error('no place');
  s.supply.ended(place, 'it exited', true);
  assert.deepEqual(s.loading, [place]);
  s.load();
  assert.deepEqual(s.take(), []);
});

test('a try that fails is repeated at once, then with pauses that grow up to 5 s, for the life of the process', () => {
  const { s, places } = full(2);
  s.fault = 'EMFILE';
  if (places[0] === undefined) throw new Error('no place');
  s.supply.ended(places[0], 'it exited', true);
  s.clock.advance(3_600_000);
  const tries = s
    .take()
    .filter((line) => line.startsWith('try'))
    .map((line) => Number(line.slice(7)));
  const pauses = tries.map((at, index) => at - (tries[index - 1] ?? 0)).slice(1);
  assert.deepEqual(pauses.slice(0, 9), [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.ok(pauses.slice(8).every((pause) => pause === 5000));
  assert.ok(tries.length > 700);
  s.fault = undefined;
  s.clock.advance(5000);
  s.load();
  assert.deepEqual(s.take(), ['full']);
});

test('a loss is told once with its cause, and its end once', () => {
  const { s, places } = full(3);
  for (const place of places.slice(0, 2)) s.supply.ended(place, 'it exited', true);
  s.fail('the file is away');
  assert.deepEqual(s.take(), ['1 missing: the file is away']);
  s.fail('the file is still away');
  assert.deepEqual(s.supply.shortage, { missing: 2, why: 'the file is still away' });
  s.clock.advance(0);
  s.clock.advance(100);
  s.load();
  assert.deepEqual(s.supply.shortage, { missing: 1, why: 'the file is still away' });
  s.load();
  assert.deepEqual([s.take(), s.supply.shortage], [['full'], undefined]);
});

test('while tries fail there is one at a time, and all go on when one succeeds', () => {
  const s = new Supplied(4);
  s.load();
  for (let i = 0; i < 3; i++) s.fail('locked');
  s.clock.advance(10_000);
  assert.equal(s.loading.length, 1);
  s.load();
  assert.equal(s.loading.length, 2);
});

test('the first loads that go on at once have all failed: the module is bad, whatever waits for its turn', () => {
  const s = new Supplied(8, 2);
  s.fail('syntax error');
  assert.deepEqual(s.take(), []);
  s.fail('syntax error');
  assert.deepEqual(s.take(), ['bad module: syntax error']);
});

test('one first load succeeds, in whatever order: the module serves, and the others are told and tried again', () => {
  for (const order of ['fff+', 'f+ff', '+fff', 'ff+f']) {
    const s = new Supplied(4);
    for (const how of order) {
      if (how === '+') s.load();
      else s.fail('locked');
    }
    const told = s.take();
    assert.equal(told.length, 1, `${order}: ${told.join()}`);
    assert.match(told[0] ?? '', /missing: locked$/);
    assert.deepEqual(s.supply.shortage, { missing: 3, why: 'locked' }, order);
    // The success lets the others try at once, and then one of them after the other.
    while (s.loading.length > 0) s.fail('locked');
    s.clock.advance(60_000);
    assert.equal(s.loading.length, 1, order);
    assert.deepEqual(s.take(), [], order);
  }
});

test('a thread that can’t start says nothing of the module: it is told at once, and tried until it can', () => {
  const s = new Supplied(2, 2);
  s.fault = 'EAGAIN';
  s.supply.failed(s.loading.shift() ?? assert.fail(), { why: 'EAGAIN', hasRun: false });
  assert.deepEqual(s.take(), ['1 missing: EAGAIN']);
  s.fail('syntax error');
  assert.deepEqual(s.take(), [], 'one of the two has not run');
  s.fault = undefined;
  s.clock.advance(100);
  s.fail('syntax error');
  assert.deepEqual(s.take(), ['bad module: syntax error']);
});

test('where none can be had for the time, calls are refused with the cause until one is back', () => {
  const { s, places } = full(2);
  for (const place of places) s.supply.ended(place, 'it exited', true);
  s.loading.length = 0;
  s.fault = 'EMFILE';
  for (const place of places) s.supply.failed(place, { why: 'EMFILE', hasRun: false });
  s.clock.advance(UNAVAILABLE_MS - 1);
  assert.equal(s.supply.unavailable, undefined);
  s.clock.advance(1);
  assert.equal(s.supply.unavailable, 'EMFILE');
  s.fault = undefined;
  s.clock.advance(5000);
  s.load();
  assert.equal(s.supply.unavailable, undefined);
  const told = s.take().filter((line) => !line.startsWith('try'));
  assert.deepEqual(told, ['1 missing: EMFILE', 'none: EMFILE']);
});

test('a first try that takes longer than the time is waited for: nothing has failed', () => {
  const s = new Supplied(2);
  s.clock.advance(UNAVAILABLE_MS * 2);
  assert.deepEqual([s.supply.unavailable, s.take()], [undefined, []]);
  s.supply.failed(s.loading.shift() ?? assert.fail(), { why: 'EAGAIN', hasRun: false });
  assert.equal(s.supply.unavailable, 'EAGAIN', 'the time had passed before');
});

test('workers that end before they have run anything are not replaced as fast as they load', () => {
  const s = new Supplied(1);
  let loads = 0;
  for (; s.clock.now() < 60_000; s.clock.advance(10)) {
    for (const place of s.loading.splice(0)) {
      loads++;
      s.supply.loaded(place);
      s.supply.ended(place, 'a timer of the module threw', false);
    }
  }
  assert.ok(loads > 10 && loads < 25, `${loads} loads in a minute`);
});

test('a place waits for room, and gets its turn when it is asked again', () => {
  const { s, places } = full(1);
  s.hasRoom = false;
  if (places[0] === undefined) throw new Error('no place');
  s.supply.ended(places[0], 'it was ended', true);
  assert.equal(s.loading.length, 0);
  s.hasRoom = true;
  s.supply.fill();
  assert.equal(s.loading.length, 1);
  assert.deepEqual(s.take(), []);
});

test('once stopped it starts nothing and leaves no timer', () => {
  const { s, places } = full(2);
  if (places[0] === undefined) throw new Error('no place');
  s.supply.ended(places[0], 'it was ended', true);
  s.fail('gone');
  s.supply.stop();
  s.supply.fill();
  s.clock.advance(60_000);
  assert.deepEqual([s.loading.length, s.clock.pending], [0, 0]);
});

test('workers beyond the minimum are asleep at first, and so many wake as calls want that none is on its way for', () => {
  const s = new Supplied(4, 4, 1);
  assert.deepEqual([s.loading.length, s.supply.sleeping], [1, 3]);
  s.load();
  assert.deepEqual([s.loading.length, s.supply.sleeping], [0, 3], 'one is enough where nothing waits');
  s.supply.wake(1);
  s.supply.wake(1);
  assert.deepEqual([s.loading.length, s.supply.sleeping], [1, 3], 'one wakes, and counts until it serves');
  s.supply.wake(9);
  assert.equal(s.loading.length, 3);
  for (let at = 0; at < 3; at++) s.load();
  assert.deepEqual([s.supply.sleeping, s.take()], [0, []], 'nothing was missing: nothing is told');
});

test('a minimum of all workers, or of more, lets none sleep, whatever the time', () => {
  for (const least of [2, 1024]) {
    const s = new Supplied(2, 2, least);
    const places = [s.load(), s.load()];
    for (const place of places) s.supply.rests(place);
    s.clock.advance(IDLE_MS * 10);
    assert.deepEqual([s.idle, s.supply.sleeping, s.clock.pending], [[], 0, 0]);
  }
});

test('workers that wake take their turns: no more load at once than are allowed', () => {
  const s = new Supplied(8, 2, 1);
  s.load();
  s.supply.wake(7);
  assert.equal(s.loading.length, 2);
  s.load();
  assert.equal(s.loading.length, 2);
});

test('a worker sleeps once it has had nothing to do for the time, but never one of the minimum, and one at a time', () => {
  const s = new Supplied(4, 4, 2);
  const first = [s.load(), s.load()];
  s.supply.wake(2);
  const [third, fourth] = [s.load(), s.load()];
  // What begins to run has something to do; the pool says so with this.
  for (const place of [...first, third, fourth]) place.idleSince = undefined;
  s.clock.advance(IDLE_MS * 2);
  assert.deepEqual(s.idle, [], 'all have something to do');
  for (const place of first) s.supply.rests(place);
  s.clock.advance(10);
  for (const place of [third, fourth]) s.supply.rests(place);
  s.clock.advance(IDLE_MS - 11);
  assert.deepEqual(s.idle, [], 'not yet');
  s.clock.advance(1);
  assert.deepEqual(s.idle, [first[0]], 'the one that has had nothing to do for longest');
  s.clock.advance(999);
  assert.equal(s.idle.length, 1, 'the next one follows when a thread has had time to end');
  s.clock.advance(1);
  assert.deepEqual([s.idle, s.supply.sleeping], [first, 2]);
  s.clock.advance(IDLE_MS * 10);
  assert.equal(s.idle.length, 2, 'the minimum stays');
  assert.deepEqual([s.take(), s.supply.shortage, s.clock.pending], [[], undefined, 0]);
});

test('a worker that has something to do after all sleeps a whole idle time later', () => {
  const s = new Supplied(2, 2, 1);
  s.load();
  s.supply.wake(1);
  s.load().idleSince = undefined;
  s.isBusyAfterAll = true;
  s.clock.advance(IDLE_MS);
  s.isBusyAfterAll = false;
  s.clock.advance(IDLE_MS - 1);
  assert.deepEqual(s.idle, []);
  s.clock.advance(1);
  assert.equal(s.idle.length, 1);
});

test('a place that has gone to sleep wakes again at once, while the thread before it still ends', () => {
  const s = new Supplied(2, 2, 1);
  s.load();
  s.supply.wake(1);
  s.load();
  s.clock.advance(IDLE_MS);
  assert.equal(s.supply.sleeping, 1);
  s.supply.wake(1);
  assert.deepEqual(s.loading, s.idle);
});

test('a wake that fails is a shortage like any other, is tried again, and no other is woken for it', () => {
  const s = new Supplied(4, 4, 1);
  s.load();
  s.fault = 'EAGAIN';
  s.supply.wake(1);
  assert.deepEqual(s.take(), ['try at 0', '1 missing: EAGAIN']);
  assert.deepEqual([s.supply.shortage, s.supply.sleeping], [{ missing: 1, why: 'EAGAIN' }, 2]);
  s.supply.wake(1);
  s.clock.advance(0);
  assert.deepEqual([s.take(), s.supply.sleeping], [['try at 0'], 2]);
  s.fault = undefined;
  s.clock.advance(100);
  s.load();
  assert.deepEqual([s.take(), s.supply.shortage], [['full'], undefined], 'those that sleep are not missing');
});

test('the crash of the last one that is awake is mended by its own replacement, and wakes nobody', () => {
  const s = new Supplied(3, 3, 1);
  const place = s.load();
  s.supply.ended(place, 'it exited', true);
  s.supply.wake(1);
  assert.deepEqual([s.loading, s.supply.sleeping, s.take()], [[place], 2, []]);
});

test('the first loads that count are those of the minimum: where all of these fail, the module is bad', () => {
  const s = new Supplied(8, 4, 2);
  s.fail('syntax error');
  assert.deepEqual(s.take(), []);
  s.fail('syntax error');
  assert.deepEqual(s.take(), ['bad module: syntax error']);
});

test('from the close of the module’s copies on no worker is put to sleep, and those that calls want still wake', () => {
  const s = new Supplied(3, 3, 1);
  s.load();
  s.supply.wake(1);
  const place = s.load();
  s.supply.keepAwake();
  s.supply.rests(place);
  s.clock.advance(IDLE_MS * 2);
  assert.deepEqual(s.idle, []);
  s.supply.wake(1);
  assert.equal(s.loading.length, 1);
  s.supply.stop();
  s.clock.advance(IDLE_MS);
  assert.equal(s.clock.pending, 0);
});
