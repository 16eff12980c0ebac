import { connectNamed } from '../nats/connect.ts';
import type { NatsFlags } from '../nats/flags.ts';
import { complain } from '../terminal/failure.ts';
import { count, seconds, table } from '../terminal/format.ts';

/**
 * Prints the nodes that answer.
 *
 * @returns the exit code: 1 where there is none
 * @throws CliError where NATS can't be used
 */
export async function runNodes(name: string, flags: NatsFlags, isJson: boolean): Promise<number> {
  const module = await connectNamed(name, flags);
  try {
    const nodes = await module.nodes();
    if (nodes.length === 0) {
      complain(`ixt-module: no node serves ${name}`);
      return 1;
    }
    const rows = nodes.map((node) => [
      node.id,
      node.host,
      node.version,
      seconds(Date.now() - node.startedAt.getTime()),
      `${count(node.live)} of ${count(node.capacity)}`,
      count(node.held),
      count(node.queued),
      count(node.sessions),
    ]);
    const heads = ['node', 'machine', 'version', 'up', 'live', 'promised', 'waiting', 'clients'];
    const text = isJson ? nodes.map((node) => JSON.stringify(node)).join('\n') : table([heads, ...rows]);
    process.stdout.write(`${text}\n`);
    return 0;
  } finally {
    await module.close();
  }
}
