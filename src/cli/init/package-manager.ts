import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { foldersUp } from '../../base/file-above.ts';

/** The commands that a person types for each package manager. */
const COMMANDS = {
  npm: { test: 'npm test', run: 'npx ixt-module' },
  pnpm: { test: 'pnpm test', run: 'pnpm exec ixt-module' },
  yarn: { test: 'yarn test', run: 'yarn ixt-module' },
  // `bun test` would run the files by a runner of its own.
  bun: { test: 'bun run test', run: 'bunx ixt-module' },
} as const;

export type PackageManager = keyof typeof COMMANDS;

/** Files that each leaves in a project. */
const LOCKS: readonly (readonly [file: string, manager: PackageManager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
];

/**
 * The package manager in use: the one that started this, or whose project `folder` is in; else npm.
 *
 * @param agent `npm_config_user_agent`, which each of them sets: `pnpm/9.1.0 node/v22 …`
 */
export function packageManagerOf(agent: string | undefined, folder: string): PackageManager {
  const name = agent?.split('/')[0];
  if (name !== undefined && Object.hasOwn(COMMANDS, name)) return name as PackageManager;
  for (const above of foldersUp(folder)) {
    const lock = LOCKS.find(([file]) => existsSync(join(above, file)));
    if (lock !== undefined) return lock[1];
  }
  return 'npm';
}

export function commandsOf(manager: PackageManager): {
  readonly install: string;
  readonly test: string;
  readonly run: string;
} {
  return { install: `${manager} install`, ...COMMANDS[manager] };
}
