import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { built } from '../support/built.ts';
import { awaitState, awaitText, call, callPanel, choose, press, serve, show } from './helpers.ts';

/** A module in a folder of its own, with a file that it imports. */
function ownModule(t: TestContext): { file: string; part: string; write: (answer: string) => void } {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'module.mjs');
  const part = join(folder, 'part.mjs');
  const write = (answer: string): void => writeFileSync(part, `export const answer = ${answer};\n`);
  writeFileSync(
    file,
    `import { answer } from './part.mjs';
export default {
  name: 'own', version: '1.0.0',
  onServerStream: {
    *say() { yield new TextEncoder().encode(answer); },
    async *wait() { await new Promise(() => {}); },
  },
};
`,
  );
  write("'first'");
  return { file, part, write };
}

test('a change of a file that the module imports starts it again, ends what runs, and the call can be made again', async (t) => {
  const { file, write } = ownModule(t);
  const served = await serve(t, ['dev', file, '--workers', '1']);
  const { page } = await show(served);
  await call(page, 'wait');
  await awaitState(page, 'running');
  await awaitText(page.getByRole('banner'), '2 files watched');
  write("'second'");
  await awaitState(page, 'unavailable');
  await awaitText(callPanel(page), /the module was started again: .*part\.mjs has changed/);
  await awaitText(page.getByRole('banner').getByRole('status'), 'serving');
  await page.getByRole('button', { name: 'Call again' }).click();
  await awaitState(page, 'running');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await awaitState(page, 'cancelled');
  await call(page, 'say');
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'second');
});

test('a module that can’t be loaded says so with its place, on the page and on the terminal, until it can', async (t) => {
  const { file, part, write } = ownModule(t);
  const served = await serve(t, ['dev', file, '--workers', '1']);
  const { page } = await show(served);
  await choose(page, 'say');
  write("'half");
  const notice = page.getByRole('alert');
  await awaitText(notice, 'The module could not be loaded');
  await awaitText(notice, `${part}:1`);
  assert.match(served.stderr(), /part\.mjs:1/);
  const link = notice.getByRole('link').first();
  assert.equal(await link.getAttribute('href'), `vscode://file${part}:1`);
  write("'whole'");
  await press(page);
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'whole');
});

test('a recording is made, saved, viewed, and replayed, with the difference where the module has changed', async (t) => {
  const { file, write } = ownModule(t);
  const served = await serve(t, ['dev', file, '--workers', '1']);
  const { page } = await show(served);
  await page.getByRole('button', { name: 'Record' }).click();
  await page.getByRole('button', { name: /^Stop/ }).waitFor();
  await call(page, 'say');
  await awaitState(page, 'done');
  await page.getByRole('button', { name: /^Stop/ }).click();
  await choose(page, 'session-1.ixt');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save' }).click();
  const saved = join(file, '../session.ixt');
  cpSync(await (await download).path(), saved);
  assert.equal(readFileSync(saved, 'latin1').slice(0, 13), 'ixt-recording');

  await page.getByRole('button', { name: /^say/ }).last().click();
  await page.getByRole('button', { name: 'Replay against the module as it is now' }).click();
  await awaitText(page.getByRole('main'), 'No difference');

  write("'other'");
  const viewed = await serve(t, ['view', saved, '--module', file]);
  const view = await show(viewed);
  await view.page.getByRole('button', { name: /^say/ }).click();
  const messages = view.page.getByRole('region', { name: 'List of messages' });
  await awaitText(messages, /say, credit/);
  await view.page.getByRole('button', { name: 'Replay against the module as it is now' }).click();
  await awaitText(view.page.getByRole('main'), '1 difference');
  await awaitText(view.page.getByRole('main'), '5 B "other"');
  await view.page.getByRole('button', { name: 'Show all' }).click();
  await view.page.getByLabel('Search the messages').fill('first');
  // What is found takes the place of the list: a click on a row that moves away while the button is down is none.
  await messages.getByText(/say, credit/).waitFor({ state: 'hidden' });
  await view.page.getByRole('button', { name: /^data/ }).click();
  await awaitText(view.page.getByRole('region', { name: 'Payload' }), 'first');
});

test('a module that a host runs is looked at through its socket, and nothing can be asked of it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'events');
  const { spawnModule } = await built.host();
  const module = spawnModule({
    file: built.fixture('shown'),
    workers: 1,
    args: ['--events-socket', socket],
    onStderr: () => undefined,
  });
  t.after(() => module.close({ drainMs: 0 }));
  await module.initialize();
  const stream = module.openStream('wait');
  const served = await serve(t, ['dev', '--attach', socket]);
  const { page } = await show(served);
  await awaitText(page.getByRole('banner').getByRole('status'), 'attached');
  await awaitText(page.getByRole('main').locator('..'), '1 worker · 1 running · 0 queued');
  assert.equal(await page.getByRole('navigation').count(), 0);
  const refused = await fetch(new URL('calls', served.address), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  });
  assert.equal(refused.status, 404);
  stream.cancel('enough');
  await awaitText(page.getByRole('main').locator('..'), '1 worker · 0 running · 0 queued');
});
