import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { built } from '../support/built.ts';

/** The command as npm puts it on the PATH. */
export const COMMAND = built.command;
export const CONFORMANCE = built.fixture('conformance');

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly keepsInputOpen?: boolean;
}

export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ixt-module` with an empty input, or one that stays open. */
export async function runCli(
  t: TestContext,
  args: readonly string[],
  { env = {}, cwd, keepsInputOpen = false }: RunOptions = {},
): Promise<CliEnd> {
  const child = spawn(COMMAND, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  t.after(() => child.kill('SIGKILL'));
  if (!keepsInputOpen) child.stdin.end();
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** A folder that goes with the test. */
export function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
