import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { foldersUp } from '../../base/file-above.ts';

const NAME = 'ixt-sdk';

/** The folders from which the dependency on a package is worked out. */
export interface DependencyPlaces {
  /** The folder of the new module. */
  readonly target: string;
  /** The folder of this package. */
  readonly root: string;
  /** The folder that the command was started in. */
  readonly cwd: string;
}

/**
 * The version that the new package.json asks for, so that it can be installed. It is the one that the project asks for that this
 * package was installed for, whichever manager did it. Where none can be told, it is the folder that this package is in.
 */
export function dependencySpec({ target, root, cwd }: DependencyPlaces): string {
  const fromFolder = (folder: string): string => `file:${relative(target, folder)}`;
  for (const folder of [...foldersUp(dirname(root)), ...foldersUp(cwd)]) {
    const asked = specIn(join(folder, 'package.json'));
    if (asked === undefined) continue;
    const path = /^(?:file:|link:|portal:)?((?:\/|\.{1,2}\/).*)$/.exec(asked)?.[1];
    const local = path ?? /^(?:file|link|portal):(?!\/\/)(.+)$/.exec(asked)?.[1];
    if (local !== undefined) return fromFolder(resolve(folder, local));
    // What only that project understands: its workspace, its catalog, a patch of its own.
    if (!/^(?:workspace|catalog|patch):/.test(asked)) return asked;
  }
  return resolvedByNpm(root, target) ?? fromFolder(root);
}

/** The wanted version in a package.json; `undefined` if it does not name this package, or if it is not a valid file. */
function specIn(list: string): string | undefined {
  const parsed = readJson(list) as Partial<Record<string, Record<string, unknown>>> | null | undefined;
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
  const asked = kinds.map((kind) => parsed?.[kind]?.[NAME]).find((spec) => typeof spec === 'string');
  return asked;
}

/** For one that was installed for another package: npm keeps where it came from. */
function resolvedByNpm(root: string, target: string): string | undefined {
  const modules = dirname(root);
  const lock = readJson(join(modules, '.package-lock.json')) as
    { packages?: Record<string, { resolved?: string; version?: string } | undefined> } | undefined;
  const entry = lock?.packages?.[`node_modules/${basename(root)}`];
  if (entry?.resolved?.startsWith('file:') === true) {
    return `file:${relative(target, resolve(dirname(modules), entry.resolved.slice('file:'.length)))}`;
  }
  return entry?.version === undefined ? undefined : `^${entry.version}`;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
