import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Node-API calls this each time that the file is loaded; it needs no header for a function that does nothing with it. */
const ADDON = `
#include <cstdio>
static const char *when = "loading";
extern "C" void *napi_register_module_v1(void *, void *exports) {
  std::printf("stray native %s\\n", when);
  std::fflush(stdout);
  when = "handling";
  return exports;
}
`;

/** Compiles an addon that prints each time that it is loaded; the file goes with the test. Needs g++. */
export function buildAddon(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-addon-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const source = join(folder, 'print.cc');
  const addon = join(folder, 'print.node');
  writeFileSync(source, ADDON);
  const flags = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const { status, stderr } = spawnSync('g++', ['-fPIC', ...flags, '-o', addon, source], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return addon;
}
