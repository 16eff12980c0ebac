import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, type TestContext } from 'node:test';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { built } from '../support/built.ts';

/** Debian's; a developer's may be elsewhere. */
const CHROMIUM = process.env['IXT_CHROMIUM'] ?? '/usr/bin/chromium';

await built.page();

let opened: Promise<Browser> | undefined;
after(async () => (await opened)?.close());

/** The browser of this test file. */
function browser(): Promise<Browser> {
  // The sandbox of Chromium can't be had by root, which a container's user is.
  opened ??= chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  return opened;
}

/** A command that serves the page. */
export interface Served {
  readonly address: string;
  readonly child: ChildProcess;
  /** Is done at the end of the test, before the command is ended. */
  readonly atEnd: (() => Promise<void>)[];
  /** What it has written on standard error so far. */
  stderr(): string;
}

/** Runs `ixt-module` with a command that opens a page, and waits for its address. */
export async function serve(t: TestContext, args: readonly string[]): Promise<Served> {
  const child = spawn(built.command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const atEnd: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const close of atEnd) await close();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  const [address] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => assert.fail(`it has ended: ${stderr}`)),
  ])) as [string];
  return { address, child, atEnd, stderr: () => stderr };
}

/** A page that is open, and what was wrong with it. */
export interface Shown {
  readonly page: Page;
  /** Errors and warnings of its console, and exceptions. */
  readonly problems: string[];
}

/** Opens the address in a browser window of its own. What goes wrong in it fails the test. */
export async function show(
  { address, atEnd }: Served,
  viewport = { width: 1280, height: 860 },
): Promise<Shown> {
  const context = await (await browser()).newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  atEnd.push(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  await page.goto(address);
  return { page, problems };
}

/** Chooses a method in the list. */
export async function choose(page: Page, method: string): Promise<void> {
  const list = page.getByRole('navigation');
  await list.getByRole('button', { name: method, exact: false }).first().click();
}

/** Presses the button that calls the chosen method. */
export async function press(page: Page): Promise<void> {
  await page
    .getByRole('region', { name: 'Call', exact: true })
    .getByRole('button', { name: /^Call/ })
    .click();
}

/** Chooses a method and calls it. @returns the panel of the call */
export async function call(page: Page, method: string): Promise<Locator> {
  await choose(page, method);
  await press(page);
  return callPanel(page);
}

/** The panel of the call that is shown. */
export function callPanel(page: Page): Locator {
  return page.getByRole('region', { name: /^Call \d+$/ });
}

/** Waits until the call that is shown has that state. */
export async function awaitState(page: Page, state: string): Promise<void> {
  await callPanel(page).getByRole('status').getByText(state, { exact: true }).first().waitFor();
}

/** Waits until a text is seen in it. */
export async function awaitText(place: Locator, text: string | RegExp): Promise<void> {
  await place.getByText(text).first().waitFor();
}
