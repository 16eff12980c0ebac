import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { built } from '../support/built.ts';

/** All files of the page together, by gzip, in bytes. */
const MOST_BYTES = 400_000;

test('the page has less than 400 kB by gzip', async () => {
  await built.page();
  const folder = join(built.command, '../../dist/page');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const sizes = files.map(({ parentPath, name }) => gzipSync(readFileSync(join(parentPath, name))).length);
  const whole = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(whole > 100_000, `only ${whole} bytes: the page was not found`);
  assert.ok(whole < MOST_BYTES, `${whole} bytes`);
});
