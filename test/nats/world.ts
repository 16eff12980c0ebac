import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { HostStream } from '../../src/host/index.ts';
import type {
  ConnectModuleOptions,
  JoinOptions,
  ModuleNode,
  NatsModule,
  NodeInfo,
} from '../../src/nats/index.ts';
import { built } from '../support/built.ts';
import { freePort, NatsServer } from './server.ts';

/** A hang shows only by the clock: the tests here wait for events, and the machine may be busy. */
export const LIMIT = { timeout: 90_000 } as const;

export const CONFORMANCE = built.fixture('conformance');

const kit = await built.nats();

/** A server for one test, with the lines of a configuration file. */
export async function startServer(t: TestContext, config = ''): Promise<NatsServer> {
  const server = await NatsServer.start(configured(t, config));
  t.after(() => server.kill());
  return server;
}

/** The lines of a configuration file as arguments of a server. */
function configured(t: TestContext, config: string): string[] {
  if (config === '') return [];
  const folder = mkdtempSync(join(tmpdir(), 'ixt-nats-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'server.conf');
  writeFileSync(file, config);
  return ['-c', file];
}

/** Servers of one cluster, each with a route to all and with the lines of a configuration file. */
export async function startCluster(t: TestContext, size: number, config = ''): Promise<NatsServer[]> {
  const ports: number[] = [];
  for (let at = 0; at < size; at += 1) ports.push(await freePort());
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers: NatsServer[] = [];
  for (const route of routes) {
    const server = await NatsServer.start([
      ...['--cluster_name', 'test', '--cluster', route, '--routes', routes.join(',')],
      ...configured(t, config),
    ]);
    t.after(() => server.kill());
    servers.push(server);
  }
  return servers;
}

/** Where nodes and clients find NATS: a server, or the addresses of several with commas between. */
type Reached = Pick<NatsServer, 'url'>;

/** A node in this process; its module runs in a child. */
export async function joinNode(
  t: TestContext,
  server: Reached,
  options: Partial<JoinOptions> = {},
): Promise<ModuleNode> {
  const node = await kit.joinModule({ servers: server.url, file: CONFORMANCE, workers: 2, ...options });
  t.after(() => node.close({ drainMs: 0 }));
  return node;
}

export async function connect(
  t: TestContext,
  server: Reached,
  options: Partial<ConnectModuleOptions> = {},
): Promise<NatsModule> {
  const module = await kit.connectModule({ servers: server.url, name: 'conformance', ...options });
  t.after(() => module.close({ drainMs: 0 }));
  return module;
}

export const { connectModule, joinModule } = kit;

/** A node in a process of its own, as `ixt-module join` runs it. */
export interface NodeProcess {
  readonly id: string;
  readonly child: ChildProcess;
  /** The exit code or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** What it has written to standard error. */
  readonly lines: readonly string[];
  /** The processes that it has started. */
  children(): number[];
}

export async function startNode(
  t: TestContext,
  server: Reached,
  args: readonly string[] = [],
): Promise<NodeProcess> {
  const child = spawn(built.command, ['join', CONFORMANCE, '--nats', server.url, '--workers', '8', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(
    ([code, signal]: (number | string | null)[]) => code ?? signal ?? '',
  );
  const lines: string[] = [];
  const id = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const [, found] = /node ([0-9a-f]{32}) serves/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    void exited.then((how) => reject(new Error(`the node ended with ${how}:\n${lines.join('\n')}`)));
  });
  return {
    id,
    child,
    exited,
    lines,
    children: () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
  };
}

/** Runs a client in a process of its own: `body` has `module`, connected, and says `console.log('ready')` when it is. */
export async function startClient(t: TestContext, server: NatsServer, body: string): Promise<ChildProcess> {
  const source = `import { connectModule } from ${JSON.stringify(built.natsEntry)};
    const module = await connectModule({ servers: ${JSON.stringify(server.url)}, name: 'conformance' });
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

/** Streams that run: each has answered once. */
export async function runningEchos(
  module: { openStream(method: string): HostStream },
  count: number,
): Promise<HostStream[]> {
  const streams = Array.from({ length: count }, () => module.openStream('echo'));
  for (const stream of streams) await stream.send(Uint8Array.of(1));
  for (const stream of streams) await stream.next();
  return streams;
}

/** Asks the nodes until they are as wanted; each look is a question and its answers. */
export async function untilNodes(
  module: NatsModule,
  isWanted: (nodes: readonly NodeInfo[]) => boolean,
): Promise<void> {
  while (!isWanted(await module.nodes()));
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { readonly code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { readonly code?: unknown };
  }
  return assert.fail('it did not fail');
}
