import { connectModule, type NatsModule } from '../../../src/nats/index.ts';
import { siblingFile } from '../../harness/sibling-file.ts';
import { hostPeer } from '../ixt.ts';
import type { Peer } from '../peer.ts';
import { Processes, startNatsServer } from './processes.ts';

export interface NodesOptions {
  readonly nodes?: number;
  /** Of each node. */
  readonly workers?: number;
  /** Further flags of `ixt-module join`. */
  readonly flags?: readonly string[];
}

/** A server, nodes as `ixt-module join` runs them, each with a module child, and a client in this process. */
export interface Nodes {
  readonly module: NatsModule;
  /** The first node's process. */
  readonly pid: number;
  readonly serverPid: number;
  readonly close: () => Promise<void>;
}

export async function startNodes(options: NodesOptions = {}): Promise<Nodes> {
  const { nodes = 1, workers = 2, flags = [] } = options;
  const processes = new Processes();
  const { url, serverPid } = await startNatsServer(processes);
  const cli = siblingFile(import.meta.url, '../../../src/cli/main.ts', 'cjs');
  const file = siblingFile(import.meta.url, '../../modules/load.ts');
  const args = [cli, 'join', file, '--nats', url, '--name', 'load', '--workers', String(workers), ...flags];
  const started = await Promise.all(
    Array.from({ length: nodes }, () => processes.start(process.execPath, args, /serves load/)),
  );
  const module = await connectModule({ servers: url, name: 'load' });
  await module.initialize();
  return {
    module,
    pid: started[0]?.pid ?? 0,
    serverPid,
    close: async () => {
      await module.close();
      await processes.end();
    },
  };
}

/** One node, as a peer of the end-to-end scopes. */
export async function natsPeer(name: string, handlers: 'sync' | 'async'): Promise<Peer> {
  const { module, pid, serverPid, close } = await startNodes({ flags: ['--streams-per-worker', '64'] });
  const suffix = handlers === 'async' ? '-async' : '';
  return { ...hostPeer({ name, suffix, pid, module }, close), serverPid };
}
