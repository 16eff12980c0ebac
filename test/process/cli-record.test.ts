import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Difference } from '../../src/cli/recording/compare.ts';
import type { ModuleProcess } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { COMMAND, CONFORMANCE, runCli, scratchFolder } from './cli-helpers.ts';
import { sourceFixture } from './helpers.ts';
import { call, callForOne, collect, LIMIT } from './helpers.ts';

/** A module with the recorder between. */
function startRecorded(t: TestContext, file: string, ...serve: readonly string[]): ModuleProcess {
  return startModule(t, {
    command: [COMMAND, 'record', '--out', file, '--', COMMAND, 'serve', CONFORMANCE, ...serve],
    onService: ({ body }) => Buffer.concat([Buffer.from('answer to '), body]),
  });
}

/** Something of everything that a host may say, with several streams at a time. */
async function talk(module: ModuleProcess): Promise<void> {
  await module.initialize();
  const large = Buffer.alloc(300_000, 7);
  await Promise.all([
    call(module, 'echo', { input: [Buffer.from('one'), large, Buffer.from('two')] }),
    call(module, 'echo-async', { input: [Buffer.from('three')] }),
    call(module, 'sha256', { input: [large, large] }),
    call(module, 'source', { metadata: { count: '300', size: '16' } }),
  ]);
  await assert.rejects(call(module, 'fail'));
  await assert.rejects(call(module, 'nope'));
  await callForOne(module, 'service', {
    metadata: { service: 's', method: 'm' },
    input: [Buffer.from('it')],
  });
  module.notifyKv({ key: 'k', operation: 'set', value: Buffer.from('v') });
  await callForOne(module, 'kv');
  await module.request('echo', Buffer.from('body'));
  await assert.rejects(module.request('fail', Buffer.alloc(0)));
  const endless = module.openStream('source', { metadata: { count: '1000000', size: '8' } });
  await endless.next();
  endless.cancel('enough');
  await assert.rejects(collect(endless), { code: 'cancelled' });
  await assert.rejects(call(module, 'spin', { metadata: { ms: '60000' }, deadline: Date.now() + 100 }), {
    code: 'deadlineExceeded',
  });
  await module.health();
}

/** The conformance module with one change, as a file of its own. */
function changedModule(folder: string, find: string, replace: string): string {
  const text = readFileSync(sourceFixture('conformance.ts'), 'utf8');
  assert.equal(text.split(find).length, 2, `'${find}' stands there once`);
  const index = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  const file = join(folder, 'changed.ts');
  writeFileSync(file, text.replace('../../src/index.ts', index).replace(find, replace));
  return file;
}

test(
  'a recorded session decodes, replays without a difference, and shows the one frame of a changed handler',
  { timeout: 240_000 },
  async (t) => {
    const folder = scratchFolder(t);
    const file = join(folder, 'session.ixt');
    const module = startRecorded(t, file, '--workers', '2');
    await talk(module);
    assert.equal((await module.close()).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600, 'it is its owner’s alone');

    const decoded = await runCli(t, ['decode', file, '--json']);
    assert.deepEqual([decoded.code, decoded.stderr], [0, '']);
    const messages = decoded.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { from?: string; kind: string; bytes: number });
    const { framesIn, framesOut, bytesIn, bytesOut } = module.session.stats;
    for (const [side, frames, bytes] of [
      ['host', framesOut, bytesOut],
      ['module', framesIn, bytesIn],
    ] as const) {
      const theirs = messages.filter(({ from, kind }) => from === side && kind !== 'end');
      assert.equal(theirs.length, frames, `messages of the ${side}`);
      assert.equal(
        theirs.reduce((sum, message) => sum + message.bytes, 0),
        bytes,
      );
    }

    const same = await runCli(t, ['replay', file]);
    assert.equal(same.code, 0);
    // The recorded calls that fail do so again, and say so to their author.
    assert.deepEqual(
      same.stderr.match(/"message":"the handler failed: [^"]*"/g),
      Array<string>(2).fill('"message":"the handler failed: boom"'),
    );
    assert.match(same.stdout, /^\d+ streams and \d+ requests replayed: 0 differences\n$/);

    const changed = changedModule(
      folder,
      'chunk.set(uint64(sequence));',
      'chunk.set(uint64(sequence)); chunk[9] = sequence === 123 ? 1 : 0;',
    );
    const other = await runCli(t, ['replay', file, '--module', changed, '--workers', '1', '--json']);
    assert.equal(other.code, 1);
    const { differences } = JSON.parse(other.stdout) as { differences: Difference[] };
    assert.deepEqual(
      differences.map(({ kind, frame, byte }) => ({ kind, frame, byte })),
      [{ kind: 'data', frame: 124, byte: 9 }],
    );
  },
);

test(
  'signals and the exit code pass through the recorder, and the recording says how it ended',
  LIMIT,
  async (t) => {
    const file = join(scratchFolder(t), 'session.ixt');
    const module = startRecorded(t, file, '--workers', '1');
    await module.initialize();
    module.kill('SIGTERM');
    assert.equal((await module.exited).code, 143);
    const { stdout } = await runCli(t, ['decode', file]);
    assert.match(stdout, /the module exited with code 143\n$/);
  },
);

test('a recording is not written over, and what is none is not replayed', async (t) => {
  const file = join(scratchFolder(t), 'session.ixt');
  writeFileSync(file, 'mine');
  const again = await runCli(t, ['record', '--out', file, '--', 'true']);
  assert.equal(again.code, 64);
  assert.match(again.stderr, /^ixt-module: [^\n]*session\.ixt is there already\n {2}[^\n]*--force/);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  const replay = await runCli(t, ['replay', file]);
  assert.equal(replay.code, 64);
  assert.match(replay.stderr, /^ixt-module: [^\n]* no recording[^\n]*\n {2}Make one with: ixt-module record/);
});

test('a command that is not there is told at once, and leaves no file', async (t) => {
  const file = join(scratchFolder(t), 'session.ixt');
  const { code, stderr } = await runCli(t, ['record', '--out', file, '--', 'no-such-program'], {
    keepsInputOpen: true,
  });
  assert.equal(code, 64);
  assert.match(stderr, /^ixt-module: the command can't be started: there is no program no-such-program\n/);
  assert.equal(existsSync(file), false);
});
