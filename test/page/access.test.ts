import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import axe from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import { startNode, startServer } from '../nats/world.ts';
import { built } from '../support/built.ts';
import { awaitState, awaitText, call, callPanel, choose, press, serve, show, type Shown } from './helpers.ts';

const SHOWN = built.fixture('shown');
/** More than any view has stops. */
const MANY_TABS = 150;

async function shown(t: TestContext, viewport?: { width: number; height: number }): Promise<Shown> {
  return show(await serve(t, ['dev', SHOWN, '--workers', '1']), viewport);
}

/** Runs in the page. */
function isFocused(element: unknown): boolean {
  const page = globalThis as unknown as { readonly document: { readonly activeElement: unknown } };
  return element === page.document.activeElement;
}

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, name: string, element: Locator): Promise<void> {
  await element.waitFor();
  for (let tabs = 0; tabs < MANY_TABS; tabs++) {
    if (await element.evaluate(isFocused)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never comes to ${name}`);
}

/** Notes each element that gets the focus; `unreached` lists the controls that had none. */
const WATCH_FOCUS = `(() => {
  const reached = new Set();
  document.addEventListener('focusin', ({ target }) => reached.add(target));
  // The arrow keys go on from one radio button or tab of a group to the others.
  const group = (control) =>
    control.type === 'radio' ? 'radio ' + control.name : control.role === 'tab' ? control.parentElement : control;
  window.unreached = () => {
    const groups = new Set([...reached].map(group));
    return [...document.querySelectorAll('a[href], button, input, textarea, select, summary, [tabindex="0"]')]
      .filter((control) => control.checkVisibility({ visibilityProperty: true }))
      .filter((control) => !control.disabled && control.closest('[aria-hidden="true"]') === null)
      .filter((control) => !groups.has(group(control)))
      .map((control) => control.outerHTML.slice(0, 120));
  };
})()`;

/** The controls of the view that Tab doesn't come to. */
async function unreached(page: Page): Promise<unknown> {
  await page.evaluate(WATCH_FOCUS);
  for (let tabs = 0; tabs < MANY_TABS; tabs++) await page.keyboard.press('Tab');
  return page.evaluate('window.unreached()');
}

/**
 * Settles once nothing that ends by itself still moves: a colour on its way to another has contrasts
 * that no view has.
 */
const AT_REST = `(async () => {
  const moving = () => document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
  for (let still = moving(); still.length > 0; still = moving()) {
    await Promise.allSettled(still.map(({ finished }) => finished));
  }
})()`;

/** What axe finds seriously wrong with the view: the rule, and where it is broken. */
async function wrongIn(page: Page): Promise<string[]> {
  await page.evaluate(AT_REST);
  // By the debugger, since the page's policy lets no other script in.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

/** Records one call, and chooses it in the recording. */
async function record(page: Page, method: string, whileRecording = async () => {}): Promise<void> {
  await page.getByRole('button', { name: 'Record' }).click();
  await page.getByRole('button', { name: /^Stop/ }).waitFor();
  await call(page, method);
  await awaitState(page, 'done');
  await whileRecording();
  await page.getByRole('button', { name: /^Stop/ }).click();
  await choose(page, 'session-1.ixt');
  const exchanges = page.getByRole('list', { name: 'Streams and requests' });
  await exchanges.getByRole('button', { name: new RegExp(`^${method}`) }).click();
  await page.getByRole('button', { name: /^data/ }).first().click();
  await page.getByRole('region', { name: 'Payload' }).waitFor();
}

test('a method is found, called and cancelled by the keyboard alone', async (t) => {
  const { page } = await shown(t);
  const list = page.getByRole('navigation');
  await list.getByRole('button', { name: /^echo/ }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('echo');
  await tabTo(page, 'the method', list.getByRole('button', { name: /^echo/ }));
  await page.keyboard.press('Enter');
  await tabTo(page, 'the input', page.getByLabel('Input as text'));
  await page.keyboard.type('by hand');
  await page.keyboard.press('Control+Enter');
  await awaitState(page, 'done');
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'by hand');

  await page.keyboard.press('Shift+Tab');
  await tabTo(page, 'the filter', page.getByLabel('Filter the methods'));
  await page.keyboard.press('Control+a');
  await page.keyboard.type('wait');
  await tabTo(page, 'the method', list.getByRole('button', { name: /^wait/ }).first());
  await page.keyboard.press('Space');
  const form = page.getByRole('region', { name: 'Call', exact: true });
  await tabTo(page, 'the button that calls', form.getByRole('button', { name: /^Call/ }));
  await page.keyboard.press('Enter');
  await awaitState(page, 'running');
  await tabTo(page, 'Cancel', callPanel(page).getByRole('button', { name: 'Cancel' }));
  await page.keyboard.press('Enter');
  await awaitState(page, 'cancelled');
});

test('Tab comes to each control of each view', async (t) => {
  const { page } = await shown(t);
  await choose(page, 'greet');
  await page.getByLabel('times').waitFor();
  await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
  assert.deepEqual(await unreached(page), [], 'a form');
  await call(page, 'picture');
  await awaitState(page, 'done');
  assert.deepEqual(await unreached(page), [], 'a call');
  await page.getByRole('tab', { name: 'Log' }).click();
  assert.deepEqual(await unreached(page), [], 'the log');
  await record(page, 'report');
  assert.deepEqual(await unreached(page), [], 'a recording');
});

for (const [name, viewport, colours] of [
  ['wide', { width: 1280, height: 860 }, 'in light and in dark colours'],
  // The contrast of a text doesn't depend on the width, so each view has one of the two.
  ['narrow', { width: 400, height: 860 }, 'in light or dark colours by turns'],
] as const) {
  test(`axe finds nothing serious in any view of the ${name} page, ${colours}`, async (t) => {
    const { page } = await shown(t, viewport);
    const wrong: string[] = [];
    const check = async (view: string): Promise<void> => {
      if (name === 'wide') wrong.push(...(await wrongIn(page)).map((what) => `${view}: ${what}`));
      await page.getByRole('button', { name: /(?:Dark|Light) colours/ }).click();
      wrong.push(...(await wrongIn(page)).map((what) => `${view}, in the other colours: ${what}`));
    };
    await choose(page, 'greet');
    await page.getByLabel('times').waitFor();
    await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
    await check('a form');
    for (const method of ['report', 'lines', 'picture']) {
      await call(page, method);
      await awaitState(page, 'done');
      await check(`the output of ${method}`);
    }
    await call(page, 'fail');
    await awaitState(page, 'handlerFailed');
    await check('a failed call');
    await choose(page, 'flood');
    await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
    await page.getByLabel('First credit, bytes').fill('10000');
    await page.getByRole('switch', { name: 'Grant more as output is taken' }).click();
    await press(page);
    await page.getByRole('button', { name: /^Grant/ }).waitFor();
    await check('a call that waits for credit');
    await page.getByRole('tab', { name: 'Figures' }).click();
    await page.getByText('Resident memory').waitFor();
    await check('figures');
    await page.getByRole('tab', { name: 'Log' }).click();
    await check('the log');
    await record(page, 'report', () => check('a recording under way'));
    await page.getByRole('button', { name: /^Replay/ }).click();
    await awaitText(page.getByRole('main'), 'No difference');
    await check('a recording and its replay');
    assert.deepEqual(wrong, []);
  });
}

test('axe finds nothing serious where a module can’t be loaded, or is a host’s, or a recording is viewed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const broken = join(folder, 'broken.mjs');
  writeFileSync(broken, 'export default {');
  const failed = await show(await serve(t, ['dev', broken, '--workers', '1']));
  await awaitText(failed.page.getByRole('alert'), 'The module could not be loaded');
  assert.deepEqual(await wrongIn(failed.page), [], 'not loaded');
  await failed.page.getByRole('button', { name: /(?:Dark|Light) colours/ }).click();
  assert.deepEqual(await wrongIn(failed.page), [], 'not loaded, in the other colours');

  const socket = join(folder, 'events');
  const session = join(folder, 'session.ixt');
  const { spawnModule } = await built.host();
  const module = spawnModule({
    command: [
      built.command,
      ...['record', '--out', session, '--'],
      ...[built.command, 'serve', SHOWN, '--workers', '1', '--events-socket', socket],
    ],
  });
  t.after(() => module.close({ drainMs: 0 }));
  await module.initialize();
  const attached = await show(await serve(t, ['dev', '--attach', socket]));
  await awaitText(attached.page.getByRole('banner').getByRole('status'), 'attached');
  assert.deepEqual(await wrongIn(attached.page), [], 'of a host');
  await module.close();

  const viewed = await show(await serve(t, ['view', session]));
  await viewed.page.getByRole('button', { name: /^initialized/ }).click();
  assert.deepEqual(await wrongIn(viewed.page), [], 'a recording');
});

test('axe finds nothing serious where nodes are listed or missing, and Tab comes to each control', async (t) => {
  const server = await startServer(t);
  const { page } = await show(await serve(t, ['dev', 'conformance', '--nats', server.url]));
  await page.getByRole('alert').waitFor();
  assert.deepEqual(await wrongIn(page), []);
  const { id } = await startNode(t, server);
  await awaitText(page.getByRole('region', { name: 'Nodes' }), id);
  await awaitText(page.getByRole('banner').getByRole('status'), 'serving');
  assert.deepEqual(await wrongIn(page), []);
  assert.deepEqual(await unreached(page), []);
});
