import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { packageRoot } from '../../base/package-files.ts';
import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';
import { dependencySpec } from './dependency.ts';
import { commandsOf, packageManagerOf, type PackageManager } from './package-manager.ts';

/** Files of the template that npm would not pack, or would read as its own, under their real names. */
const STORED_AS: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

/** Writes the template into `folder`. @throws CliError for one that can't be used */
export async function runInit(folder: string): Promise<void> {
  const target = resolve(folder);
  await checkFolder(folder);
  const template = join(packageRoot(), 'templates/module/');
  const manager = packageManagerOf(process.env['npm_config_user_agent'], process.cwd());
  const commands = commandsOf(manager);
  const values: Readonly<Record<string, string>> = {
    name: moduleName(basename(target)),
    sdk: dependencySpec({ target, root: packageRoot(), cwd: process.cwd() }),
    ...commands,
  };
  for (const name of await readdir(template, { recursive: true })) {
    const from = join(template, name);
    if (!(await stat(from)).isFile()) continue;
    const to = join(target, STORED_AS[name] ?? name);
    const text = await readFile(from, 'utf8');
    await mkdir(dirname(to), { recursive: true });
    await writeFile(
      to,
      text.replace(/\{\{(\w+)\}\}/g, (_match, key: string) => values[key] ?? ''),
      { flag: 'wx' },
    );
  }
  await setApart(target, manager);
  process.stdout.write(
    `${folder} holds a module. To go on:\n\n` +
      `  cd ${folder}\n  ${commands.install}\n  ${commands.test}\n  echo hello | ${commands.run} call src/module.ts shout\n`,
  );
}

/** Makes the folder a project of its own to a manager that would take it for a part of the one above. */
async function setApart(target: string, manager: PackageManager): Promise<void> {
  if (manager === 'yarn') await writeFile(join(target, 'yarn.lock'), '');
  // esbuild, which tsx brings, works without its script; pnpm fails until somebody has said so.
  if (manager === 'pnpm') {
    const text = 'packages: []\nallowBuilds:\n  esbuild: false\nignoredBuiltDependencies:\n  - esbuild\n';
    await writeFile(join(target, 'pnpm-workspace.yaml'), text);
  }
}

async function checkFolder(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    const what = code === 'ENOTDIR' ? `${folder} is a file` : message;
    throw new CliError(EXIT.usage, what, 'Give a folder that is not there yet, or is empty.');
  }
  // What git and npm make ahead of it does no harm.
  const others = names.filter((name) => name !== '.git' && name !== 'node_modules');
  if (others.length === 0) return;
  const some = others.slice(0, 3).join(', ') + (others.length > 3 ? ', …' : '');
  throw new CliError(
    EXIT.usage,
    `${folder} is not empty: it has ${some}`,
    'Nothing was written. Give a folder that is not there yet, or is empty.',
  );
}

/** A name that npm and hosts take, out of a folder's. */
export function moduleName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name === '' ? 'module' : name;
}
