/**
 * Makes the pictures of docs/dev.md: `node --import tsx test/page/screenshots.ts`. A person looks at them afterwards.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, type Page } from 'playwright-core';
import { built } from '../support/built.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const folder = mkdtempSync(join(tmpdir(), 'ixt-pictures-'));
const file = join(folder, 'shown.mjs');
const text = readFileSync(built.fixture('shown'), 'utf8').replaceAll(
  /from "ixt-sdk"/g,
  `from ${JSON.stringify(join(built.command, '../../dist/src/index.js'))}`,
);
const children: ChildProcess[] = [];

async function serve(...args: string[]): Promise<string> {
  const child = spawn(built.command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [address] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return address;
}

async function call(page: Page, method: string): Promise<void> {
  await page.getByRole('navigation').getByRole('button', { name: method }).first().click();
  const form = page.getByRole('region', { name: 'Call', exact: true });
  await form.getByRole('button', { name: /^Call/ }).click();
  await page.getByRole('region', { name: /^Call \d+$/ }).waitFor();
}

async function ended(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Call again' }).waitFor();
}

await built.page();
// What the module imports is found from its folder.
symlinkSync(join(DOCS, '../node_modules'), join(folder, 'node_modules'));
writeFileSync(file, text);
const browser = await chromium.launch({
  executablePath: process.env['IXT_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const picture = (page: Page, name: string): Promise<Buffer> =>
  // What moves is shown where it comes to rest.
  page.screenshot({ path: join(DOCS, `dev-${name}.png`), animations: 'disabled' });

const address = await serve('dev', file, '--workers', '4');
const page = await browser.newPage({ viewport: { width: 1280, height: 820 } });
await page.goto(address);
await page.getByRole('button', { name: /^Record/ }).click();
await page.getByRole('button', { name: /^Stop/ }).waitFor();
for (const method of ['echo', 'lines', 'flood', 'report', 'fail', 'crash', 'wait', 'picture']) {
  await call(page, method);
  if (method !== 'wait') await ended(page);
}
await page.getByRole('img', { name: /PNG|png/ }).waitFor();
await page.getByText(/PNG 256 × 160/).scrollIntoViewIfNeeded();
await picture(page, 'picture');

await page.getByRole('button', { name: /^Stop/ }).click();
await page.getByRole('button', { name: 'flood' }).first().click();
await page.getByRole('button', { name: 'Deadline, credit, many at once' }).click();
await page.getByLabel('Calls at once').fill('60');
await page.getByLabel('First credit, bytes').fill('20000');
await page.getByRole('button', { name: /^Call (?:Ctrl|⌘)/ }).click();
await ended(page);
await call(page, 'spin');
await page.getByText('10 s', { exact: true }).click();
await picture(page, 'load');

await page.getByRole('tab', { name: 'Figures' }).click();
await page.getByRole('button', { name: 'Dark colours' }).click();
await page.mouse.move(640, 200);
await page.getByText('Resident memory').waitFor();
await picture(page, 'figures');

await page.getByRole('tab', { name: 'Log' }).click();
writeFileSync(file, text.replace('version: "1.2.0"', 'version: "1.2.0'));
await page.getByText('The module could not be loaded').waitFor();
await picture(page, 'error');

writeFileSync(file, text.replace('"A report"', '"The report"'));
await page.getByRole('banner').getByText('serving').waitFor();
await page.getByRole('button', { name: 'session-1.ixt' }).click();
await page
  .getByRole('list', { name: 'Streams and requests' })
  .getByRole('button', { name: /^report/ })
  .click();
await page.getByRole('button', { name: 'Light colours' }).click();
await page.getByRole('button', { name: /^Replay/ }).click();
await page.getByText('1 difference').scrollIntoViewIfNeeded();
await page.mouse.move(640, 200);
await picture(page, 'recording');

const narrow = await browser.newPage({ viewport: { width: 400, height: 860 }, colorScheme: 'dark' });
await narrow.goto(address);
await call(narrow, 'report');
await ended(narrow);
await picture(narrow, 'narrow');

await browser.close();
await Promise.all(
  children.map(async (child) => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }),
);
rmSync(folder, { recursive: true });
