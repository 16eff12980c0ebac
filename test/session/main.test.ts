import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { DEFAULT_OPTIONS } from '../../src/main/options.ts';
import { Main } from '../../src/main/main.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import { encodeShutdown } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FakeLinks } from '../support/fake-links.ts';
import { MANIFEST } from '../support/router-bench.ts';
import { decodeMessage } from '../support/decoded-message.ts';
import type { SourceEvents } from '../../src/main/input/source.ts';

/** Main with threads that are the test's, and a host that has read as much as the test says. */
class Bench {
  /** What the host may read, `type requestId` each. */
  readonly written: string[] = [];
  readonly exits: number[] = [];
  readonly links = new FakeLinks();
  #unread: (() => void) | undefined;
  #events: SourceEvents | undefined;

  constructor() {
    new Main(
      { ...DEFAULT_OPTIONS, file: '/module.js', workers: 1 },
      {
        clock: new TestClock(1_700_000_000_000),
        log: () => {},
        openSink: () => ({
          write: (bytes, done) => {
            for (let at = 0; at < bytes.length;) {
              // One segment each: its length in words stands behind the segment count.
              const end = at + 8 + 8 * Buffer.from(bytes.buffer, bytes.byteOffset + at + 4).readUInt32LE();
              const { type, requestId } = decodeMessage(bytes.subarray(at, end));
              this.written.push(`${type} ${requestId}`);
              at = end;
            }
            this.#unread = () => done();
          },
        }),
        openSource: (events) => {
          this.#events = events;
          return { pause: () => {}, resume: () => {} };
        },
        openLinks: () => this.links,
        exit: (code) => this.exits.push(code),
      },
    );
  }

  async host(type: 'health' | 'shutdown', ...requestIds: string[]): Promise<void> {
    const payload = type === 'shutdown' ? encodeShutdown({ drainMs: 100 }) : EMPTY_PAYLOAD;
    for (const requestId of requestIds) this.#events?.onBytes(encodeEnvelope(type, requestId, payload));
    await turn();
  }

  /** The host has read what was written. @returns it */
  async read(): Promise<string[]> {
    const done = this.#unread;
    this.#unread = undefined;
    done?.();
    await turn();
    return this.written.splice(0);
  }
}

test('the answers to shutdowns are the last messages, whatever the host writes then', async () => {
  const bench = new Bench();
  // Without the first load the end would wait.
  bench.links.newest.load(MANIFEST);
  await bench.host('health', 'before');
  // One in the air while the end begins, so that it waits for the host.
  await bench.host('shutdown', 'first', 'second');
  await bench.host('health', 'meanwhile');
  await bench.host('shutdown', 'third');
  assert.deepEqual(bench.written.splice(0), ['response before']);
  assert.deepEqual(await bench.read(), ['response meanwhile']);
  assert.deepEqual(await bench.read(), ['response first', 'response second', 'response third']);
  // The host sees them before main learns that they are out.
  await bench.host('health', 'late');
  await bench.host('shutdown', 'late too');
  assert.deepEqual(await bench.read(), []);
  await bench.host('health', 'later still');
  assert.deepEqual([await bench.read(), bench.exits], [[], [0]]);
});
