import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { built } from '../../support/built.ts';
import { StressChild } from '../../support/stress-child.ts';

/**
 * Lets a module print in the given ways of test/fixtures/stress-prints.ts, while it loads and in a handler, and checks that each
 * line is on standard error and no byte of them on the protocol.
 */
export async function checkPrints(hows: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-prints-'));
  const log = join(folder, 'stderr');
  let messageBytes = 0;
  const child = new StressChild({
    // Standard error is a file here: /dev/stdout, which then is standard error, can't be opened where that is a socket.
    command: [
      '/bin/sh',
      '-c',
      'exec "$@" 2>>"$IXT_STDERR"',
      'sh',
      ...built.serve('stress-prints'),
      ...['--workers', '1'],
    ],
    transport: 'blocking pipe',
    env: { ...env, IXT_STDERR: log, IXT_PRINT: hows.join() },
    onWire: (direction, message) => {
      if (direction === 'in') messageBytes += message.length;
    },
  });
  try {
    const stream = child.session.openStream('print');
    stream.end();
    const said: string[] = [];
    for await (const data of stream) said.push(Buffer.from(data).toString());
    assert.deepEqual(said, ['done']);
    await child.session.shutdown();
    child.session.endInput();
    assert.deepEqual(await child.exited, { code: 0, signal: null });
    assert.deepEqual(child.session.violations.map(String), []);
    // What came is whole messages of the protocol, and nothing between or behind them.
    assert.equal(child.session.stats.bytesIn, messageBytes);
    const expected = ['loading', 'handling'].flatMap((when) => hows.map((how) => `stray ${how} ${when}`));
    assert.deepEqual(readFileSync(log, 'utf8').trimEnd().split('\n'), expected);
  } finally {
    child.kill();
    rmSync(folder, { recursive: true });
  }
}
