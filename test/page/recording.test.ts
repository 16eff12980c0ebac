import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeEntry, encodeHeader } from '../../src/cli/recording/file-format.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { parseStreamId } from '../../src/wire/stream-id.ts';
import { serve, show } from './helpers.ts';

test('what More has asked for is dropped once another search has begun', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'session.ixt');
  writeFileSync(file, recordingOf([...Array.from({ length: 300 }, () => 'hay'), 'needle']));
  const { page } = await show(await serve(t, ['view', file]));
  const rows = page.getByRole('region', { name: 'List of messages' }).locator('tbody tr');
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/messages\?from=200/, async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByLabel('Search the messages').fill('needle');
  await rows.nth(1).waitFor({ state: 'hidden' });
  const late = page.waitForResponse(/messages\?from=200/);
  release();
  await (await late).finished();
  // Its handlers have run, and what they changed is drawn.
  await page.evaluate(`fetch('').then((page) => page.text()).then(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))`);
  assert.equal(await rows.count(), 1);
});

/** A recording of one stream, whose handler has sent these texts. */
function recordingOf(texts: readonly string[]): Uint8Array {
  const id = parseStreamId('0123456789abcdef0123456789abcdef');
  assert.ok(id);
  const frames = new FrameEncoder(id);
  const open = encodeOpenFrame(id, { method: 'say' });
  const header = { command: ['say'], cwd: '/', startedUnixMs: 0, version: '1.0.0' };
  return Buffer.concat([
    encodeHeader(header),
    encodeEntry({ kind: 'hostBytes', at: 0, bytes: open }),
    ...texts.map((text) =>
      encodeEntry({ kind: 'moduleBytes', at: 1, bytes: frames.data(Buffer.from(text)) }),
    ),
  ]);
}
