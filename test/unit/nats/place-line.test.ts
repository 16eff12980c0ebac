import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleError } from '../../../src/errors.ts';
import { parseGrant, type Grant } from '../../../src/nats/grant.ts';
import { PlaceLine } from '../../../src/nats/place-line.ts';
import { DEFAULT_TIMES } from '../../../src/nats/session-times.ts';
import { newNodeId } from '../../../src/nats/subjects.ts';

const { askMs, backOffMs, placeMs } = DEFAULT_TIMES;

/** A line whose clock, server and chance are the test's. */
class Bench {
  /** The asks that have been made and not been answered. */
  readonly asked: number[] = [];
  /** What happened to those that waited, in order. */
  readonly seen: string[] = [];
  now = 0;
  isUp = true;
  readonly line: PlaceLine;
  #nextAsk = 1;
  #timer: { readonly at: number; readonly action: () => void } | undefined;

  constructor() {
    const isUp = (): boolean => this.isUp;
    this.line = new PlaceLine(
      {
        ask: (number) => void this.asked.push(number),
        nextAsk: () => this.#nextAsk++,
        now: () => this.now,
        // No part of the pause is left to chance.
        random: () => 0.5,
        after: (ms, action) => {
          assert.equal(this.#timer, undefined, 'one pause at a time');
          this.#timer = { at: this.now + ms, action };
          return () => (this.#timer = undefined);
        },
        get isUp() {
          return isUp();
        },
      },
      DEFAULT_TIMES,
    );
  }

  add(...names: readonly string[]): void {
    for (const name of names) {
      this.line.add({
        place: () => void this.seen.push(name),
        fail: ({ code }: ModuleError) => void this.seen.push(`${name}: ${code}`),
      });
    }
  }

  /** Answers the oldest ask with a place. @returns whether somebody has taken it */
  grant(): boolean {
    return this.line.granted(this.#oldest(), GRANT);
  }

  /** Answers the oldest ask: there is no room. */
  refuse(): void {
    this.line.refused(this.#oldest(), true);
  }

  pass(ms: number): void {
    this.now += ms;
    const timer = this.#timer;
    if (timer === undefined || timer.at > this.now) return;
    this.#timer = undefined;
    timer.action();
  }

  #oldest(): number {
    const ask = this.asked.shift();
    assert.ok(ask !== undefined, 'nothing was asked');
    return ask;
  }
}

const GRANT = grant();

function grant(): Grant {
  const text = JSON.stringify({ node: newNodeId(), place: newNodeId(), now: 0, window: 1 });
  const parsed = parseGrant(new TextEncoder().encode(text));
  assert.ok(typeof parsed === 'object');
  return parsed;
}

test('each that waits is asked for once, and served in the order in which it came', () => {
  const bench = new Bench();
  bench.add('a', 'b', 'c');
  assert.equal(bench.asked.length, 3);
  assert.deepEqual([bench.grant(), bench.grant(), bench.grant()], [true, true, true]);
  assert.deepEqual(bench.seen, ['a', 'b', 'c']);
  assert.equal(bench.line.isEmpty, true);
});

test('a place that nobody waits for any more is not taken', () => {
  const bench = new Bench();
  const waiting = { place: () => assert.fail('it has left'), fail: () => assert.fail('it has left') };
  bench.line.add(waiting);
  bench.line.remove(waiting);
  assert.equal(bench.grant(), false);
});

test('without room one ask is made at a time, after pauses that grow, and each success doubles the number', () => {
  const bench = new Bench();
  bench.add('a', 'b', 'c', 'd', 'e', 'f');
  for (let i = 0; i < 6; i++) bench.refuse();
  const [first, longest] = backOffMs;
  let pause: number = first;
  for (let i = 0; i < 8; i++) {
    assert.deepEqual(bench.asked, [], 'it pauses');
    bench.pass(pause - 1);
    assert.deepEqual(bench.asked, []);
    bench.pass(1);
    assert.equal(bench.asked.length, 1);
    bench.refuse();
    pause = Math.min(longest, 2 * pause);
  }
  bench.pass(pause);
  assert.equal(bench.asked.length, 1);
  bench.grant();
  assert.equal(bench.asked.length, 2);
  bench.grant();
  assert.equal(bench.asked.length, 4);
});

test('a place that has become free ends a pause, and is asked for beside what is on the way', () => {
  const bench = new Bench();
  bench.add('a', 'b', 'c');
  for (let i = 0; i < 3; i++) bench.refuse();
  bench.line.wake();
  assert.equal(bench.asked.length, 1);
  bench.line.wake();
  assert.equal(bench.asked.length, 2);
  bench.grant();
  bench.grant();
  assert.deepEqual(bench.seen, ['a', 'b']);
});

test('a refusal of what was asked before a place became free is no reason to pause', () => {
  const bench = new Bench();
  bench.add('a');
  bench.line.wake();
  assert.equal(bench.asked.length, 1, 'it is asked for already');
  bench.refuse();
  assert.equal(bench.asked.length, 1, 'again, at once');
  bench.refuse();
  assert.equal(bench.asked.length, 0, 'and then with a pause');
});

test('places that became free for those who wait no more are forgotten', () => {
  const bench = new Bench();
  bench.add('a', 'b');
  bench.line.wake();
  bench.line.wake();
  bench.grant();
  bench.grant();
  bench.add('c');
  bench.refuse();
  assert.deepEqual(bench.asked, [], 'it pauses');
});

test('an ask without an answer is made again after askMs, and its late answer is still good', () => {
  const bench = new Bench();
  bench.add('a');
  const lost = bench.asked.shift() ?? 0;
  bench.pass(askMs);
  bench.line.tick();
  assert.equal(bench.asked.length, 1);
  assert.equal(bench.line.granted(lost, GRANT), true);
  assert.deepEqual(bench.seen, ['a']);
});

test('nothing is asked while there is no server, and what waits fails after placeMs', () => {
  const bench = new Bench();
  bench.isUp = false;
  bench.add('a');
  assert.deepEqual(bench.asked, []);
  bench.pass(placeMs - 1);
  bench.add('b');
  bench.line.tick();
  assert.deepEqual(bench.seen, []);
  bench.pass(1);
  bench.line.tick();
  assert.deepEqual(bench.seen, ['a: resourceExhausted']);
  bench.isUp = true;
  bench.line.wake();
  assert.equal(bench.asked.length, 1);
});
