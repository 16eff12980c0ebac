import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { awaitState, awaitText, call, callPanel, choose, press, serve, show } from './helpers.ts';

const SHOWN = built.fixture('shown');

test('each kind of method is called, and its output is shown as what it is', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '2']);
  const { page } = await show(served);

  await choose(page, 'echo');
  await page.getByLabel('Input as text').fill('hello page');
  await press(page);
  await awaitState(page, 'done');
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'hello page');

  await call(page, 'report');
  await awaitState(page, 'done');
  await awaitText(callPanel(page), 'A report');

  const picture = await call(page, 'picture');
  const image = picture.getByRole('img');
  await image.waitFor();
  await awaitText(picture, /PNG 256 × 160/);
  assert.equal(
    await image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth),
    256,
  );

  await choose(page, 'any request');
  await page.getByRole('textbox', { name: 'Method', exact: true }).fill('reverse');
  await page.getByLabel('Input as text').fill('abc');
  await press(page);
  await awaitState(page, 'done');
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'cba');

  await call(page, 'fail');
  await awaitState(page, 'handlerFailed');
  await call(page, 'refuse');
  await awaitState(page, 'invalidArgument');
  await awaitText(callPanel(page), 'the input must be a list of numbers');
});

test('a described method has a form of its schema, whose mistakes are said before anything is sent', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const { page } = await show(served);
  await choose(page, 'greet');
  const form = page.getByRole('region', { name: 'Call', exact: true });
  await awaitText(form, 'Greets somebody, as often as it is told.');
  await form.getByLabel('name').fill('Ada');
  await form.getByLabel('times').fill('12');
  await awaitText(form, /12 is greater than 9|maximum/);
  await form.getByLabel('times').fill('2');
  await press(page);
  await awaitState(page, 'done');
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'Good day, Ada!');
});

test('input is sent piece by piece and ended, hex and lines too', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const { page } = await show(served);
  await choose(page, 'echo');
  await page.getByRole('switch', { name: 'Keep the input open, to send more' }).click();
  await page.getByText('Hex', { exact: true }).first().click();
  await page.getByLabel('Input as hex').fill('6f6e 65');
  await press(page);
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'one');
  await page.getByLabel('Further input').fill('two');
  await page.getByRole('button', { name: 'Send' }).click();
  await awaitText(callPanel(page).getByRole('region', { name: 'Output' }), 'onetwo');
  await page.getByRole('button', { name: 'End input' }).click();
  await awaitState(page, 'done');

  await page.getByText('Text', { exact: true }).first().click();
  await page.getByRole('switch', { name: 'Keep the input open, to send more' }).click();
  await page.getByRole('switch', { name: 'Each line is a frame' }).click();
  await page.getByLabel('Input as text').fill('a\nb\nc');
  await press(page);
  await awaitText(callPanel(page), '3 B, 3 frames');
});

test('a module that gets no credit waits, and goes on with what the page grants', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const { page } = await show(served);
  await choose(page, 'flood');
  await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
  await page.getByLabel('First credit, bytes').fill('10000');
  await page.getByRole('switch', { name: 'Grant more as output is taken' }).click();
  await press(page);
  await awaitText(callPanel(page), '12.0 KiB, 3 frames');
  await page.getByRole('button', { name: 'Grant 64.0 KiB' }).click();
  await awaitText(callPanel(page), /, 1[5-9] frames|, 2\d frames/);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await awaitState(page, 'cancelled');
});

test('a handler that computes without a look is cancelled, and one that ends its thread has crashed', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1', '--cancel-grace-ms', '100']);
  const { page } = await show(served);
  await call(page, 'spin');
  await awaitText(page.getByText('1 worker · 1 running · 0 queued'), '1 running');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await awaitState(page, 'cancelled');
  await call(page, 'crash');
  await awaitState(page, 'workerCrashed');
});

test('a deadline ends a call, and many are made at once', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1', '--max-queue', '1000']);
  const { page } = await show(served);
  await choose(page, 'wait');
  await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
  await page.getByLabel('Deadline, ms').fill('50');
  await press(page);
  await awaitState(page, 'deadlineExceeded');
  await choose(page, 'lines');
  await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
  await page.getByLabel('Calls at once').fill('300');
  await press(page);
  await awaitState(page, '300 done');
});
