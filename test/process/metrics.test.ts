import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ModuleProcess } from '../../src/host/index.ts';
import { readExposition, type Exposition } from '../support/exposition.ts';
import { startModule, type StartModuleOptions } from '../support/module.ts';
import { COMMAND, CONFORMANCE, scratchFolder } from './cli-helpers.ts';
import { call, endsWith, finishEcho, LIMIT, runningEcho, untilBusy } from './helpers.ts';
import { onMain } from './preload.ts';

const MODULE = 'module="conformance"';

interface Heard {
  readonly module: ModuleProcess;
  /** What its line on standard error says, from the pattern on. */
  readonly line: string;
}

/** A module whose worker has loaded its file, and whose standard error has a line that begins with `ixt-module: ` and that text. */
async function heard(t: TestContext, begin: string, options: StartModuleOptions): Promise<Heard> {
  let stderr = '';
  let found = (_line: string): void => {};
  const line = new Promise<string>((resolve) => (found = resolve));
  const module = startModule(t, {
    workers: 1,
    ...options,
    onStderr: (text) => {
      stderr += text;
      const whole = stderr.split('\n').slice(0, -1);
      const its = whole.find((one) => one.startsWith(`ixt-module: ${begin}`));
      if (its !== undefined) found(its.slice(`ixt-module: ${begin}`.length));
    },
  });
  await module.initialize();
  return { module, line: await line };
}

async function measured(t: TestContext): Promise<{ module: ModuleProcess; url: string }> {
  const { module, line } = await heard(t, 'metrics at ', { args: ['--metrics', '0'] });
  return { module, url: line };
}

async function scrape(url: string): Promise<Exposition> {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return readExposition(await response.text(), MODULE);
}

/** The samples with that name that are not 0, by their label. */
function labelled({ samples }: Exposition, name: string): Record<string, number> {
  const found = [...samples].filter(([key, value]) => key.startsWith(`${name}{`) && value !== 0);
  return Object.fromEntries(found.map(([key, value]) => [/"(.*)"/.exec(key)?.[1] ?? '', value]));
}

test(
  'a scrape says what the host saw: ends, failures, refusals, a dead worker, frames and bytes',
  LIMIT,
  async (t) => {
    const { module, url } = await measured(t);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    for (let time = 0; time < 3; time++) await call(module, 'echo', { input: [new Uint8Array(1000)] });
    await endsWith(module.openStream('fail'), 'handlerFailed');
    await endsWith(module.openStream('exit'), 'workerCrashed');
    for (let time = 0; time < 2; time++) await endsWith(module.openStream('nothing'), 'methodNotFound');
    // The one worker has been replaced when this has ended.
    await call(module, 'spin', { metadata: { ms: '50' } });
    await untilBusy(module, 0);
    const { framesIn, framesOut, bytesIn, bytesOut } = module.session.stats;
    const scraped = await scrape(url);
    const figure = (name: string): number | undefined => scraped.samples.get(name);
    assert.equal(figure('ixt_streams_opened_total'), 6);
    assert.deepEqual(labelled(scraped, 'ixt_streams_ended_total'), {
      close: 4,
      handlerFailed: 1,
      workerCrashed: 1,
    });
    assert.deepEqual(labelled(scraped, 'ixt_streams_refused_total'), { methodNotFound: 2 });
    assert.deepEqual(
      ['in_frames', 'out_frames', 'in_bytes', 'out_bytes'].map((name) => figure(`ixt_wire_${name}_total`)),
      [framesOut, framesIn, bytesOut, bytesIn],
    );
    assert.deepEqual(
      ['serving', 'wanted', 'missing'].map((name) => figure(`ixt_workers_${name}`)),
      [1, 1, 0],
    );
    assert.equal(figure('ixt_worker_deaths_total'), 1);
    assert.deepEqual(
      ['summary', 'counter', 'gauge'],
      ['ixt_run_seconds', 'ixt_streams_ended_total', 'ixt_streams_running'].map((name) =>
        scraped.types.get(name),
      ),
    );
    assert.equal(figure('ixt_queue_wait_seconds_count'), 6);
    const [sum, longest] = [figure('ixt_run_seconds_sum') ?? 0, figure('ixt_run_max_seconds') ?? 0];
    assert.ok(sum >= longest && longest >= 0.05 && sum < 30, `${longest} s of ${sum} s`);
    assert.ok((figure('process_resident_memory_bytes') ?? 0) > 20e6);
    assert.ok((figure('ixt_main_delay_max_seconds') ?? -1) >= 0);
  },
);

test('a scrape says what runs and what waits, while every worker computes', LIMIT, async (t) => {
  const { module, url } = await measured(t);
  const running = await runningEcho(module);
  const waiting = module.openStream('echo');
  // Main has read the Open when it answers what came behind it.
  await module.health();
  const load = ['ixt_streams_running', 'ixt_streams_queued', 'ixt_workers_busy'];
  const busy = await scrape(url);
  assert.deepEqual(
    load.map((name) => busy.samples.get(name)),
    [1, 1, 1],
  );
  await finishEcho(running);
  await finishEcho(waiting);
  await untilBusy(module, 0);
  const idle = await scrape(url);
  assert.deepEqual(
    load.map((name) => idle.samples.get(name)),
    [0, 0, 0],
  );
});

test('there is one page, to be read with GET', LIMIT, async (t) => {
  const { url } = await measured(t);
  const elsewhere = await fetch(new URL('/', url));
  assert.deepEqual([elsewhere.status, await elsewhere.text()], [404, 'The figures are at /metrics.\n']);
  const posted = await fetch(url, { method: 'POST', body: 'x' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET']);
  assert.equal((await fetch(`${url}?from=somewhere`)).status, 200);
});

test('a port that is taken is one line, and the module serves', LIMIT, async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const where = `--metrics 127.0.0.1:${port}`;
  const { module, line } = await heard(t, `${where} can't be opened`, { args: ['--metrics', String(port)] });
  assert.match(line, /^, and the module serves without: .*EADDRINUSE/);
  assert.equal((await call(module, 'echo', { input: [Uint8Array.of(1)] })).length, 1);
  const { code, stderr } = await module.close();
  assert.deepEqual([code, stderr.split('\n').length], [0, 2], stderr);
});

test('without prom-client a line says what to install, and the module serves', LIMIT, async (t) => {
  const folder = scratchFolder(t);
  const packaged = dirname(dirname(COMMAND));
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(packaged, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['commander', 'piscina'])
    symlinkSync(join(packaged, 'node_modules', name), join(folder, 'node_modules', name));
  const command = [join(folder, 'bin/ixt-module'), 'serve', CONFORMANCE, '--workers', '1'] as const;
  const needs = '--metrics needs the package prom-client: npm install prom-client. ';
  const { module, line } = await heard(t, needs, { command: [...command, '--metrics', '0'] });
  assert.match(line, /^The module serves without: .*find package/);
  assert.equal((await call(module, 'echo', { input: [Uint8Array.of(1)] })).length, 1);
  const { code, stderr } = await module.close();
  assert.deepEqual([code, stderr.split('\n').length], [0, 2], stderr);
});

/** Says on standard error, as main ends, whether it has loaded HTTP, which prom-client does, too. */
const SAYS_HTTP = onMain(`
  const { writeSync } = await import('node:fs');
  process.on('exit', () => {
    writeSync(2, 'http ' + process.moduleLoadList.includes('NativeModule http') + '\\n');
  });`);

test('serve loads neither prom-client nor HTTP where nobody asks for metrics', LIMIT, async (t) => {
  const env = { ...process.env, ...SAYS_HTTP };
  const { module } = await heard(t, 'metrics at ', { args: ['--metrics', '0'], env });
  assert.match((await module.close()).stderr, /^http true$/m);
  const without = startModule(t, { workers: 1, env });
  await without.initialize();
  assert.equal((await without.close()).stderr, 'http false\n');
});

test('an address that is none ends serve as a mistake of who starts it', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: ['--metrics', 'nine'], violations: 'allowed' });
  const { code, stderr } = await module.exited;
  assert.equal(code, 64);
  assert.match(stderr, /--metrics.*nine.*like 9464 or 0\.0\.0\.0:9464/);
});
