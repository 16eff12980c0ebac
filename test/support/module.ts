import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ModuleProcess, SpawnModuleOptions } from '../../src/host/index.ts';
import { built } from './built.ts';
import type { RawSession } from './raw-session.ts';
import { WireLog } from './wire-log.ts';

export interface StartModuleOptions extends SpawnModuleOptions {
  /** `allowed` for a test that makes the module, or what stands for it, break the contract (default: none is allowed). */
  violations?: 'none' | 'allowed';
}

const host = await built.host();
const raw = await built.rawSession();

/** The module of test/fixtures whose methods every host can test against. */
export const CONFORMANCE_MODULE = built.fixture('conformance');

/**
 * Starts a module child for one test: the conformance module unless told otherwise.
 *
 * When the test ends the child is killed and the contract must have been kept. Where the test has failed, the last messages each
 * way and the child's stderr are printed.
 */
export function startModule(t: TestContext, options: StartModuleOptions = {}): ModuleProcess {
  const { violations: expected = 'none', onWire, ...rest } = options;
  const log = new WireLog();
  const file = rest.command === undefined ? { file: CONFORMANCE_MODULE } : {};
  const module = new host.ModuleProcess({
    ...file,
    // It is printed below where the test has failed.
    onStderr: () => undefined,
    ...rest,
    onWire: (direction, message) => {
      log.record(direction, message);
      onWire?.(direction, message);
    },
  });
  // Asked for now, because it holds the process: a test may wait for what the child prints, say, and for nothing of the module's.
  const { exited } = module;
  t.after(async () => {
    module.kill();
    const exit = await exited;
    const { violations } = rawSession(module);
    const broken = expected === 'none' && violations.length > 0;
    if (broken || !hasPassed(t)) {
      console.error(
        `${t.name}\n${log.describe()}\nexit ${JSON.stringify({ ...exit, stderr: undefined })}, stderr:`,
      );
      console.error(exit.stderr);
    }
    if (expected === 'none') assert.deepEqual(violations.map(String), [], 'the module broke the contract');
  });
  return module;
}

/** A hand on the wire of that module, for what its session would not write. */
export function rawSession(module: ModuleProcess): RawSession {
  return new raw.RawSession(module.session);
}

/** Node has `passed` since 20.12; its types for 20 don't. */
function hasPassed(t: TestContext): boolean {
  return (t as TestContext & { readonly passed?: boolean }).passed === true;
}
