import { spawnSync } from 'node:child_process';
import { installedPackage, isTypeScript, typeScriptLoaderOf } from '../../base/typescript-loader.ts';
import { launcherPrefix } from '../../host/runner-command.ts';
import { cpuShare } from '../../base/cpu-share.ts';
import { OLDEST_NODE } from '../node-version.ts';
import { packageVersion } from '../package-version.ts';
import { plural } from '../terminal/format.ts';
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
    text: `the launcher bin/ixt-launch does not work: ${error?.message ?? stderr.trim()}`,
    mend: 'It needs /bin/sh, and bin/ixt-launch of this package: install the package again.',
  };
}

/** The number of workers that `serve` starts by default, and the reason for that number. */
export function checkWorkers(): Finding {
  const { cpus, why } = cpuShare();
  return { level: 'ok', check: 'workers', text: `${plural(cpus, 'worker')} by default: ${why}` };
}

/** The loader of a TypeScript module, as its worker will choose it; no finding for JavaScript. */
export function checkTypeScript(file: string): Finding[] {
  if (!isTypeScript(file)) return [];
  const check = 'typescript';
  const loader = typeScriptLoaderOf(file);
  switch (loader.kind) {
    case 'tsx':
      return [{ level: 'ok', check, text: `tsx ${loader.version} loads TypeScript (${loader.list})` }];
    case 'node':
      return [
        {
          level: 'ok',
          check,
          text:
            `this Node loads TypeScript itself (${loader.types} types), since tsx is not installed; ` +
            'with tsx, every Node loads all of TypeScript',
        },
      ];
    case 'none':
      return [
        {
          level: 'problem',
          check,
          text: `nothing loads TypeScript: tsx is not installed, and Node ${process.version} does not load it by itself`,
          mend: 'npm install --save-dev tsx beside the module, or use Node 22.18 or newer, or compile to JavaScript.',
        },
      ];
  }
}

/** Whether the module would import another copy of this package than the one that runs it. */
export function checkPackage(file: string): Finding[] {
  const found = installedPackage('ixt-sdk', file);
  const ours = packageVersion();
  if (found === undefined || found.version === ours) return [];
  return [
    {
      level: 'warning',
      check: 'package',
      text: `the module imports ixt-sdk ${found.version} (${found.list}), and ${ours} runs it`,
      mend: 'Run the command of the module’s own copy: npx ixt-module in its folder.',
    },
  ];
}
