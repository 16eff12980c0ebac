import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { ByteSource } from '../../src/host/transport/byte-source.ts';
import { HostSession } from '../../src/host/index.ts';
import { StreamTransport } from '../../src/host/transport/transport.ts';
import { built } from '../support/built.ts';
import { decodeMessage } from '../support/decoded-message.ts';
import { LIMIT } from './helpers.ts';

const WORKERS = 2;
/** 64 KiB at a time, 2 MB a second: the rings of two workers then take longer than the grace time and the half second behind it. */
const READ_EVERY_MS = 32;

/** Reads all the time, but slowly. */
function slowSource(readable: Readable): ByteSource {
  const closed = once(readable, 'close').then(() => undefined);
  return {
    closed,
    listen: (onData) => {
      readable.on('data', (chunk: Buffer) => {
        readable.pause();
        onData(Uint8Array.from(chunk));
        setTimeout(() => readable.resume(), READ_EVERY_MS);
      });
    },
    destroy: () => void readable.destroy(),
  };
}

interface SlowHost {
  readonly session: HostSession;
  readonly exited: Promise<number | null>;
  /** Of the messages that have come. */
  readonly types: readonly string[];
  readonly signal: (name: NodeJS.Signals) => void;
}

function start(t: TestContext): SlowHost {
  const [program, ...args] = [
    ...built.serve('conformance'),
    '--workers',
    String(WORKERS),
    '--cancel-grace-ms',
    '100',
  ];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const ended = exited.then((code) => ({ message: `exit ${code}`, clean: code === 0 }));
  const types: string[] = [];
  const session = new HostSession(new StreamTransport(slowSource(child.stdout), child.stdin, ended), {
    onWire: (direction, message) => {
      if (direction === 'in') types.push(decodeMessage(message).type);
    },
  });
  return { session, exited, types, signal: (name) => void child.kill(name) };
}

for (const how of ['shutdown', 'end of input', 'SIGTERM'] as const) {
  test(`a host that reads slowly gets every terminal frame after ${how}`, LIMIT, async (t) => {
    const { session, exited, types, signal } = start(t);
    const metadata = Object.entries({ count: '10000000', size: '5000' });
    const streams = Array.from({ length: WORKERS }, () =>
      session.openStream('source', { metadata, initialCredit: 2 ** 31 - 1 }),
    );
    await Promise.all(streams.map((stream) => stream.next()));
    const ends = streams.map((stream) => assert.rejects(stream.closed, { code: 'cancelled' }));
    let answered: Promise<void> | undefined;
    if (how === 'shutdown') answered = session.shutdown({ drainMs: 0 });
    else if (how === 'end of input') session.endInput();
    else signal('SIGTERM');
    await Promise.all([...ends, answered]);
    if (how === 'shutdown') {
      assert.equal(types.at(-1), 'response');
      session.endInput();
    }
    assert.equal(await exited, how === 'SIGTERM' ? 143 : 0);
    assert.deepEqual(session.violations.map(String), []);
  });
}

test(
  'a host that reads slowly hears of a refusal and of a cancel while a stream goes on and on',
  LIMIT,
  async (t) => {
    const { session, exited } = start(t);
    const metadata = Object.entries({ count: '10000000', size: '5000' });
    const source = session.openStream('source', { metadata, initialCredit: 2 ** 31 - 1 });
    await source.next();
    // Nothing else is asked of main: its answer to that would take these along.
    await assert.rejects(session.openStream('unknown').closed, { code: 'methodNotFound' });
    const hang = session.openStream('hang');
    const ended = assert.rejects(hang.closed, { code: 'cancelled' });
    hang.cancel('enough');
    await ended;
    const sourceEnded = assert.rejects(source.closed, { code: 'cancelled' });
    await Promise.all([session.shutdown({ drainMs: 0 }), sourceEnded]);
    session.endInput();
    assert.equal(await exited, 0);
    assert.deepEqual(session.violations.map(String), []);
  },
);
