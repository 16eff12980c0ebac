import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { startChild, type ChildIo } from '../../src/host/transport/child-io.ts';
import type { TransportKind } from '../../src/host/index.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { MAX_CREDIT } from '../../src/wire/flow-limits.ts';
import { testPipe } from '../support/fifo.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import {
  collect,
  endsWith,
  LIMIT,
  newStreamId,
  runningEcho,
  TRANSPORTS,
  untilBusy,
  within,
} from './helpers.ts';

const GRACE_MS = 200;
const GRACE = ['--cancel-grace-ms', `${GRACE_MS}`];
/** Within this the process must be gone: the grace time, 500 ms for what must be read, 500 ms for threads, and slack. */
const GONE_MS = GRACE_MS + 1_200;
/** A child without a session, for a host that doesn't read, or not on. */
const command = [...built.serve('conformance'), '--workers', '2', ...GRACE];
/** A stream that never ends by itself and has all the credit there is. */
const flood = (): Uint8Array =>
  encodeOpenFrame(
    newStreamId(),
    {
      method: 'source',
      metadata: [
        ['count', '100000000'],
        ['size', '65536'],
      ],
    },
    MAX_CREDIT,
  );

for (const transport of TRANSPORTS) {
  test(
    `the end of the input cancels everything and ends the process with 0, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { transport, workers: 3, args: GRACE });
      const running = [module.openStream('hang'), module.openStream('wait'), await runningEcho(module)];
      const queued = module.openStream('echo');
      await untilBusy(module, 3);
      const ends = [...running, queued].map((stream) => endsWith(stream, 'cancelled'));
      module.endInput();
      const { code } = await within(GONE_MS, module.exited);
      assert.equal(code, 0);
      // Their terminal frames were owed, and came.
      await Promise.all(ends);
    },
  );

  test(
    `a host that reads no more ends the process with 74 and a line, over ${transport}s`,
    LIMIT,
    async (t) => {
      const { io, exited, stderr } = startBare(t, transport);
      io.writable.write(flood());
      await new Promise<void>((resolve) => io.source.listen(() => resolve()));
      io.source.destroy();
      assert.deepEqual(await exited, [74, null]);
      assert.match(stderr(), /^ixt-module: [^\n]+\n$/);
    },
  );

  test(
    `a host that closes its side and never reads holds nothing up, over ${transport}s`,
    LIMIT,
    async (t) => {
      const output = transport === 'pipe' ? testPipe(t, 'read').writeFd : 'pipe';
      const [program = '', ...args] = command;
      const child = spawn(program, args, { stdio: ['pipe', output, 'pipe'] });
      t.after(() => child.kill('SIGKILL'));
      const { stdin, stderr } = child;
      assert.ok(stdin && stderr);
      const print = encodeOpenFrame(newStreamId(), { method: 'print', metadata: [['how', 'console']] });
      stdin.write(Buffer.concat([flood(), print]));
      // The flood runs when the print does, and needs no more than that to fill what nobody reads.
      assert.match(String(await once(stderr, 'data')), /stray output/);
      stdin.end();
      assert.deepEqual(await within(GONE_MS, once(child, 'exit')), [0, null]);
    },
  );
}

test('the end of the input of an idle module ends it, whatever the grace time', LIMIT, async (t) => {
  // A minute: one that waits for it is still there when the test's own time is over.
  const module = startModule(t, { workers: 1, args: ['--cancel-grace-ms', '60000'] });
  assert.deepEqual(await collect(module.openStream('kv')).then(({ length }) => length), 1);
  module.endInput();
  assert.equal((await module.exited).code, 0);
});

test('the end of the input ends a module that has not loaded yet', LIMIT, async (t) => {
  const module = startModule(t, { workers: 2 });
  const stream = module.openStream('echo');
  module.endInput();
  await endsWith(stream, 'cancelled');
  assert.equal((await module.exited).code, 0);
});

for (const input of ['pipe', 'inherit'] as const) {
  const how = input === 'pipe' ? 'its input ends' : 'its input stays open';
  test(`a module whose host is killed is gone soon, where ${how}`, LIMIT, async (t) => {
    const args = [built.fixture('killed-host'), built.fixture('conformance'), input];
    const host = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(() => host.kill('SIGKILL'));
    const id = newStreamId();
    const encoder = new FrameEncoder(id);
    host.stdin.write(encodeOpenFrame(newStreamId(), { method: 'hang' }));
    host.stdin.write(
      Buffer.concat([encodeOpenFrame(id, { method: 'echo' }), encoder.data(Uint8Array.of(1))]),
    );
    // The echo came second, so the other worker hangs.
    await once(host.stdout, 'data');
    host.kill('SIGKILL');
    // Both descriptors are the module's as well: they end when it is gone, too.
    host.stdout.resume();
    host.stderr.resume();
    const gone = Promise.all([finished(host.stdout), finished(host.stderr)]);
    // Without an end of its input the module looks at its parent once a second.
    await within(GONE_MS + (input === 'inherit' ? 1_000 : 0), gone);
    host.stdin.destroy();
  });
}

interface Bare {
  readonly io: ChildIo;
  readonly exited: Promise<unknown>;
  readonly stderr: () => string;
}

function startBare(t: TestContext, transport: TransportKind): Bare {
  const io = startChild({ command, transport, env: process.env, cwd: undefined });
  const { child } = io;
  t.after(() => {
    child.kill('SIGKILL');
    io.source.destroy();
    io.writable.destroy();
  });
  let text = '';
  io.stderr.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  io.writable.on('error', () => undefined);
  return { io, exited: once(child, 'close'), stderr: () => text };
}
