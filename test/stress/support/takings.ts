import { existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { HostStream } from '../../../src/host/index.ts';

/** Something that a child needs to start workers, and that can be taken away for a moment. */
export interface Taking {
  /** Meanwhile no worker can start. */
  readonly starves: boolean;
  take(): Promise<void> | void;
  giveBack(): Promise<void> | void;
}

export const TAKINGS = [
  'descriptors',
  'threads',
  'agent',
  'module file',
  'module folder',
  'working folder',
  'nothing',
] as const;
export type TakingName = (typeof TAKINGS)[number];

/** Where a cgroup of its own limits the threads of a process: version 1 has a folder for each controller, version 2 one for all. */
const PIDS_CGROUPS = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'] as const;

/**
 * Preloaded into every thread of the child. An agent that is down throws in each new thread. Where no cgroup can limit the threads,
 * `new Worker` throws as Node does at EAGAIN: RLIMIT_NPROC says nothing to root. The time of day is main's alone, shifted, because
 * the machine's clock is everybody's.
 */
const PRELOAD = `
const { existsSync, readFileSync } = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { performance } = require('node:perf_hooks');
const threads = require('node:worker_threads');
const folder = __dirname;
if (threads.isMainThread) {
  threads.Worker = class extends threads.Worker {
    constructor(...args) {
      if (existsSync(folder + '/no-threads')) {
        throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
      }
      super(...args);
    }
  };
  syncBuiltinESMExports();
  const { now } = Date;
  let offset = 0;
  let lookAt = 0;
  Date.now = () => {
    if (performance.now() > lookAt) {
      lookAt = performance.now() + 5;
      try {
        offset = Number(readFileSync(folder + '/clock-offset', 'utf8'));
      } catch {
        // Without a descriptor the clock stays as it is.
      }
    }
    return now() + offset;
  };
} else if (existsSync(folder + '/agent-down')) throw new Error('the agent is down');
`;

/** The folders of one child, and what can be done to it from outside. */
export class Surroundings {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ixt-scarce-'));
  readonly #cgroup = makePidsCgroup();
  readonly #moduleText: string;
  #leak: HostStream | undefined;

  /** @param fixture the module that the child's own module file exports */
  constructor(fixture: string) {
    this.#moduleText = `export { default } from ${JSON.stringify(pathToFileURL(fixture).href)};`;
    this.#makeModule();
    mkdirSync(this.cwd);
    writeFileSync(this.#path('preload.cjs'), PRELOAD);
    writeFileSync(this.#path('clock-offset'), '0');
  }

  get cwd(): string {
    return this.#path('cwd');
  }

  get moduleFile(): string {
    return this.#path('module/module.mjs');
  }

  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--require ${this.#path('preload.cjs')}` };
  }

  /** Whether the kernel refuses threads, or a preload does so in its place. */
  get hasCgroup(): boolean {
    return this.#cgroup !== undefined;
  }

  /** The child has started. */
  adopt(pid: number): void {
    if (this.#cgroup !== undefined) writeFileSync(join(this.#cgroup, 'cgroup.procs'), String(pid));
  }

  setClock(offsetMs: number): void {
    writeFileSync(this.#path('clock-offset'), String(offsetMs));
  }

  /** @param open opens a stream to the child */
  taking(name: TakingName, open: (method: string) => HostStream): Taking {
    switch (name) {
      case 'descriptors':
        return {
          starves: true,
          take: async () => {
            this.#leak = open('leak');
            await this.#leak.next();
          },
          giveBack: async () => {
            this.#leak?.end();
            await this.#leak?.closed;
          },
        };
      case 'threads':
        return this.#cgroup === undefined ? this.#flag('no-threads') : limitOf(this.#cgroup);
      case 'agent':
        return this.#flag('agent-down');
      case 'module file':
        return {
          starves: true,
          take: () => renameSync(this.moduleFile, `${this.moduleFile}.away`),
          giveBack: () => renameSync(`${this.moduleFile}.away`, this.moduleFile),
        };
      case 'module folder':
        return {
          starves: true,
          take: () => rmSync(this.#path('module'), { recursive: true }),
          giveBack: () => this.#makeModule(),
        };
      case 'working folder':
        return {
          starves: false,
          take: () => rmSync(this.cwd, { recursive: true }),
          giveBack: () => mkdirSync(this.cwd),
        };
      case 'nothing':
        return { starves: false, take: () => {}, giveBack: () => {} };
    }
  }

  /** The child has ended. */
  remove(): void {
    rmSync(this.#folder, { recursive: true });
    if (this.#cgroup !== undefined) rmdirSync(this.#cgroup);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #makeModule(): void {
    mkdirSync(this.#path('module'));
    writeFileSync(this.moduleFile, this.#moduleText);
  }

  #flag(name: string): Taking {
    return {
      starves: true,
      take: () => writeFileSync(this.#path(name), ''),
      giveBack: () => rmSync(this.#path(name)),
    };
  }
}

function limitOf(cgroup: string): Taking {
  const limit = (most: string): void => writeFileSync(join(cgroup, 'pids.max'), most);
  // Fewer than there are, so that the end of a thread frees no place for another.
  return { starves: true, take: () => limit('1'), giveBack: () => limit('max') };
}

/** `undefined` without root, or where this machine has no such controller. */
function makePidsCgroup(): string | undefined {
  for (const root of PIDS_CGROUPS) {
    const folder = join(root, `ixt-stress-${process.pid}-${Date.now()}`);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (existsSync(join(folder, 'pids.max'))) return folder;
    rmdirSync(folder);
  }
  return undefined;
}
