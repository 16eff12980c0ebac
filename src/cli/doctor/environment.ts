import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { launcherPrefix } from '../../host/runner-command.ts';
import { OLDEST_NODE } from '../node-version.ts';
import { packageVersion } from '../package-version.ts';
import type { Finding } from './findings.ts';

/** The Node that runs this. An older one has been refused before. */
export function checkNode(): Finding {
  return { level: 'ok', check: 'node', text: `Node ${process.version}; ${OLDEST_NODE} or newer is needed` };
}

/** Starts something small through the launcher, and sees where its prints and its protocol go. */
export function checkLauncher(): Finding {
  // Code of -e has the built-in modules at hand.
  const script = "fs.writeSync(1, 'print'); fs.writeSync(4, fs.readFileSync(3));";
  const [shell = '', ...prefix] = launcherPrefix();
  const { status, stdout, stderr, error } = spawnSync(shell, [...prefix, process.execPath, '-e', script], {
    input: 'wire',
    encoding: 'utf8',
  });
  if (status === 0 && stdout === 'wire' && stderr === 'print') {
    return {
      level: 'ok',
      check: 'launcher',
      text: 'the launcher moves the protocol to descriptors 3 and 4, and prints go to standard error',
    };
  }
  return {
    level: 'problem',
    check: 'launcher',
    text: `the launcher ${prefix.join(' ')} does not work: ${error?.message ?? stderr.trim()}`,
    mend: 'It needs /bin/sh, and bin/ixt-launch of this package: install the package again.',
  };
}

/** How a TypeScript module will be loaded; nothing for JavaScript. The order is that of the worker's own loader. */
export function checkTypeScript(file: string): Finding[] {
  if (!/\.[mc]?tsx?$/.test(file)) return [];
  const check = 'typescript';
  // Node 22 and newer say how they treat TypeScript; the types of Node 20 don't know the field.
  const native = (process.features as { typescript?: unknown }).typescript;
  if (typeof native === 'string') {
    return [{ level: 'ok', check, text: `this Node loads TypeScript itself (${native} types)` }];
  }
  for (const from of [file, import.meta.url]) {
    const found = manifestOf('tsx', from);
    if (found !== undefined)
      return [{ level: 'ok', check, text: `tsx ${found.version} loads TypeScript (${found.path})` }];
  }
  return [
    {
      level: 'problem',
      check,
      text: `nothing loads TypeScript: tsx is not installed, and Node ${process.version} does not strip types`,
      mend: 'npm install --save-dev tsx beside the module, or use Node 22.18 or newer, or compile to JavaScript.',
    },
  ];
}

/** Whether the module would import another copy of this package than the one that runs it. */
export function checkPackage(file: string): Finding[] {
  const found = manifestOf('ixt-sdk', file);
  const ours = packageVersion();
  if (found === undefined || found.version === ours) return [];
  return [
    {
      level: 'warning',
      check: 'package',
      text: `the module imports ixt-sdk ${found.version} (${found.path}), and ${ours} runs it`,
      mend: 'Run the command of the module’s own copy: npx ixt-module in its folder.',
    },
  ];
}

function manifestOf(name: string, from: string): { version: string; path: string } | undefined {
  try {
    const path = createRequire(from).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
    return { version, path };
  } catch {
    return undefined;
  }
}
