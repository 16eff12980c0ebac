import { statSync } from 'node:fs';

/**
 * @param file absolute path
 * @returns why the path can't be a module's file, in words for its author; `undefined` if it may be one
 */
export function problemOfModuleFile(file: string): string | undefined {
  const info = statSync(file, { throwIfNoEntry: false });
  if (info === undefined) return `the module file ${file} does not exist`;
  if (!info.isFile()) return `${file} is not a file; give the path of the module's .js or .ts file`;
  return undefined;
}
