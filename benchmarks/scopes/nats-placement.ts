import type { Contest, Contestant } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { startNodes } from '../peers/nats/nodes.ts';

const WORKERS_A_NODE = 2;
/** Streams for each place, all opened at once by one client. */
const STREAMS_A_PLACE = 5;
const OURS = 'ixt over NATS';
const AHEAD = 'ixt over NATS, --ahead 1';

/**
 * How busy placement keeps the places of real nodes. The handlers hold their worker without computing, so that many nodes can be measured
 * on few cores. Ideal: no place is ever idle.
 */
export function placement(options: BenchOptions): Contest[] {
  const ms = options.smoke ? 20 : 200;
  return [
    ...[1, 2, 4, 8].map((nodes) => ({
      ...contest(nodes, ms, [OURS]),
      targets: [{ of: OURS, atLeast: 0.9 }],
    })),
    // Too short to ask for each: a stream that waits at the node hides the round trips.
    contest(4, 20, [OURS, AHEAD]),
  ];
}

function contest(nodes: number, ms: number, names: readonly string[]): Contest {
  const places = nodes * WORKERS_A_NODE;
  const streams = places * STREAMS_A_PLACE;
  return {
    scope: 'nats',
    kind: 'placement',
    title: `placement of ${streams} handlers of ${ms} ms, ${nodes} ${nodes === 1 ? 'node' : 'nodes'} of ${WORKERS_A_NODE} places`,
    unit: 'of the ideal',
    contestants: names.map((name) => () => napping(name, nodes, ms)),
  };
}

async function napping(name: string, nodes: number, ms: number): Promise<Contestant> {
  const flags = name === AHEAD ? ['--ahead', '1'] : [];
  const { module, close } = await startNodes({ nodes, workers: WORKERS_A_NODE, flags });
  const streams = nodes * WORKERS_A_NODE * STREAMS_A_PLACE;
  const metadata = { ms: String(ms) };
  return {
    name,
    async measure() {
      const start = performance.now();
      await Promise.all(
        Array.from({ length: streams }, async () => {
          const stream = module.openStream('nap', { metadata });
          stream.end();
          await stream.closed;
        }),
      );
      return { value: (STREAMS_A_PLACE * ms) / (performance.now() - start) };
    },
    close,
  };
}
