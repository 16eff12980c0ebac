import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import type { ModuleDefinition } from '../../../src/module.ts';
import { OP, type FromWorker } from '../../../src/threads/messages.ts';
import { encodeKvChange } from '../../../src/wire/payload-encode.ts';
import { ModuleEvents } from '../../../src/worker/module-events.ts';
import { HOSTILE } from './hostile-values.ts';

const CHANGE = encodeKvChange({ key: 'k' });

/** A module whose hooks end when the test says so. */
class Bench {
  readonly said: FromWorker['type'][] = [];
  readonly events: ModuleEvents;
  readonly #ends: (() => void)[] = [];

  constructor(hooks: Partial<ModuleDefinition> = { onKvChange: () => this.#hook() }) {
    this.events = new ModuleEvents({ name: 'm', version: '1', ...hooks }, ({ type }) => this.said.push(type));
  }

  #hook(): Promise<void> {
    return new Promise((resolve) => this.#ends.push(resolve));
  }

  change(): void {
    this.events.add(OP.kv, CHANGE);
    this.events.run();
  }

  /** The hook that runs now ends. */
  async end(): Promise<void> {
    this.#ends.shift()?.();
    await turn();
  }
}

test('a job waits for the changes that came before it, and not for those that keep coming', async () => {
  const bench = new Bench();
  const started: string[] = [];
  const job = (name: string): void => {
    const settled = bench.events.settled();
    assert.ok(settled !== undefined, `${name} has something to wait for`);
    void settled.then(() => started.push(name));
  };
  bench.change();
  bench.change();
  job('first');
  bench.change();
  job('second');
  bench.change();
  await bench.end();
  assert.deepEqual(started, [], 'one of the two that it needs is still to run');
  await bench.end();
  assert.deepEqual(started, ['first']);
  await bench.end();
  assert.deepEqual(started, ['first', 'second']);
  await bench.end();
  assert.deepEqual(bench.said, ['kvDone', 'kvDone', 'kvDone', 'kvDone']);
  assert.equal(bench.events.settled(), undefined);
});

test('hooks run one after the other, in order', async () => {
  const ran: string[] = [];
  const bench = new Bench({
    onInit: async () => {
      await turn();
      ran.push('init');
    },
    onKvChange: () => void ran.push('change'),
    onClose: () => void ran.push('close'),
  });
  bench.events.add(OP.init, new Uint8Array(0));
  bench.events.add(OP.kv, CHANGE);
  bench.events.add(OP.close, new Uint8Array(0));
  await bench.events.settled();
  assert.deepEqual(ran, ['init', 'change', 'close']);
  assert.deepEqual(bench.said, ['kvDone', 'closed']);
});

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`a hook that throws ${what}, at once or later, holds up nothing`, async () => {
    const now = (): void => {
      throw make();
    };
    const later = async (): Promise<void> => {
      await turn();
      throw make();
    };
    for (const hook of [now, later]) {
      const bench = new Bench({ onInit: hook, onKvChange: hook, onClose: hook });
      for (const kind of [OP.init, OP.kv, OP.close])
        bench.events.add(kind, kind === OP.kv ? CHANGE : new Uint8Array(0));
      await bench.events.settled();
      assert.deepEqual(bench.said, ['kvDone', 'closed']);
    }
  });
}
