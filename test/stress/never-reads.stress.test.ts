import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostStream } from '../../src/host/index.ts';
import { MAX_CREDIT } from '../../src/wire/flow-limits.ts';
import { residentBytes, startMemoryChild } from '../support/stress-memory.ts';
import { LIMIT } from '../process/helpers.ts';

const WORKERS = 4;
/** What a host that never reads may cost its module. */
const MAX_GROWTH_BYTES = 32e6;
/** A cancelled handler is gone within this time; more only where the machine is busy otherwise. */
const GONE_MS = 100;

/** Lines of standard error, to be waited for. */
class Lines {
  #text = '';
  #waiting: { readonly line: string; readonly found: () => void }[] = [];

  readonly add = (text: string): void => {
    this.#text += text;
    this.#waiting = this.#waiting.filter(({ line, found }) => {
      if (!this.#text.includes(`${line}\n`)) return true;
      found();
      return false;
    });
  };

  wait(line: string): Promise<void> {
    return new Promise((found) => {
      this.#waiting.push({ line, found });
      this.add('');
    });
  }
}

test(
  'a host that never reads costs bounded memory, and cancelled handlers end at once all the same',
  LIMIT,
  async (t) => {
    const lines = new Lines();
    const child = startMemoryChild(['--workers', String(WORKERS)], { onStderr: lines.add });
    t.after(() => child.kill());
    let opened = 0;
    const next = (initialCredit = MAX_CREDIT): { name: string; stream: HostStream } => {
      const name = `flood-${opened++}`;
      const options = { metadata: { name }, initialCredit, autoCredit: false };
      return { name, stream: child.session.openStream('flood', options) };
    };
    // Every worker has run a handler once: what loading costs isn't counted.
    const first = Array.from({ length: WORKERS }, () => next(0));
    await Promise.all(first.map(({ name }) => lines.wait(`started ${name}`)));
    for (const { stream } of first) stream.cancel('that was all');
    await Promise.all(first.map(({ name }) => lines.wait(`gone ${name}`)));
    const before = residentBytes(child.pid);
    child.pauseReading();
    const running = Array.from({ length: WORKERS }, () => next());
    const took: number[] = [];
    for (let round = 0; round < 10; round++) {
      for (const slot of running.keys()) {
        const { name, stream } = running[slot] ?? assert.fail();
        await lines.wait(`started ${name}`);
        const asked = performance.now();
        stream.cancel('enough');
        await lines.wait(`gone ${name}`);
        took.push(performance.now() - asked);
        running[slot] = next();
      }
    }
    await Promise.all(running.map(({ name }) => lines.wait(`started ${name}`)));
    const growth = residentBytes(child.pid) - before;
    assert.ok(growth < MAX_GROWTH_BYTES, `the module has grown by ${growth} bytes`);
    const median = took.sort((a, b) => a - b)[took.length >> 1] ?? Infinity;
    assert.ok(median < GONE_MS, `half of the handlers took more than ${median} ms to end`);
  },
);

test(
  'handlers that must be ended cost bounded memory too, and their streams end once the host reads',
  LIMIT,
  async (t) => {
    const lines = new Lines();
    // Time enough for those that listen to say that they are gone, on a busy machine too.
    const flags = ['--workers', String(WORKERS), '--cancel-grace-ms', '1000'];
    const child = startMemoryChild(flags, { onStderr: lines.add });
    t.after(() => child.kill());
    await child.session.initialize();
    const before = residentBytes(child.pid);
    child.pauseReading();
    const streams: HostStream[] = [];
    for (let round = 0; round < 5 * WORKERS; round++) {
      const options = { metadata: { name: `${round}` }, initialCredit: MAX_CREDIT, autoCredit: false };
      streams.push(child.session.openStream('flood', options), child.session.openStream('wait'));
    }
    await Promise.all([lines.wait('started 0'), lines.wait('started waiting')]);
    for (const stream of streams) stream.cancel('enough');
    const ends = streams.map((stream) =>
      stream.closed.then(
        () => 'close',
        (error: { code: unknown }) => error.code,
      ),
    );
    await lines.wait(`gone 0`);
    const growth = residentBytes(child.pid) - before;
    assert.ok(growth < MAX_GROWTH_BYTES, `the module has grown by ${growth} bytes`);
    child.resumeReading();
    assert.deepEqual(new Set(await Promise.all(ends)), new Set(['cancelled']));
  },
);

for (const { transport, shared } of [
  { transport: 'blocking pipe', shared: false },
  { transport: 'blocking pipe', shared: true },
  { transport: 'socket', shared: false },
  { transport: 'socket', shared: true },
] as const) {
  const what = `a ${transport} as standard error that nobody reads${shared ? ', and that a child of a handler has shared,' : ''}`;
  test(`${what} holds no handler and not main`, LIMIT, async (t) => {
    const child = startMemoryChild(['--workers', '1'], { readsStderr: false, transport });
    t.after(() => child.kill());
    const metadata = shared ? { shared: 'yes' } : {};
    const { value } = await child.session.openStream('print', { metadata }).next();
    assert.equal(Buffer.from(value ?? []).toString(), 'done');
    assert.equal((await child.session.health()).status, 'serving');
  });
}
