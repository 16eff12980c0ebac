import { figure } from '../harness/report.ts';
import { simulatePlacement, type PlacementWay } from './placement.ts';
import { lineWait } from './waiting-line.ts';

/** The wait from the opening of a stream to the start of its handler, one way at one load. */
export interface PlacementWait {
  readonly way: keyof typeof WAY_TITLES;
  readonly nodes: number;
  readonly load: number;
  readonly meanMs: number;
  readonly p99Ms: number;
}

/** What the plot and the table call each way, in their order. */
export const WAY_TITLES = {
  random: 'a random node’s line',
  'two choices': 'the shorter of two nodes’ lines',
  tickets: 'tickets, as built',
  line: 'one line for all (ideal)',
} as const;

const WAYS = Object.keys(WAY_TITLES) as (keyof typeof WAY_TITLES)[];
const NODES = [10, 100, 1_000];
const LOADS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
/** Of which the table has a row for each number of nodes. */
const TABLE_LOADS = [0.8, 0.95];
const PLACES = 8;
const HANDLER_MS = 1_000;
const ROUND_TRIP_MS = 0.5;
const STREAMS = 100_000;

/** Each way at each load on each number of nodes. Some 40 s of one core. */
export function studyPlacement(): PlacementWait[] {
  return NODES.flatMap((nodes) => LOADS.flatMap((load) => WAYS.map((way) => waitOf(way, nodes, load))));
}

function waitOf(way: keyof typeof WAY_TITLES, nodes: number, load: number): PlacementWait {
  const which = { way, nodes, load };
  switch (way) {
    case 'random':
      // A random share of what comes is as random as all of it, so each node is a line of its own, however many there are.
      return { ...which, ...arriving(lineWait(PLACES, load, HANDLER_MS)) };
    case 'line':
      return { ...which, ...arriving(lineWait(nodes * PLACES, load, HANDLER_MS)) };
    case 'two choices':
    case 'tickets':
      return { ...which, ...simulated(way, nodes, load) };
  }
}

/** A stream needs half a round trip to get where it waits. */
function arriving({ meanMs, p99Ms }: { readonly meanMs: number; readonly p99Ms: number }) {
  return { meanMs: meanMs + ROUND_TRIP_MS / 2, p99Ms: p99Ms + ROUND_TRIP_MS / 2 };
}

function simulated(way: PlacementWay, nodes: number, load: number) {
  const world = { places: PLACES, handlerMs: HANDLER_MS, roundTripMs: ROUND_TRIP_MS, streams: STREAMS };
  const { meanWaitMs, p99WaitMs } = simulatePlacement({ way, nodes, load, ...world });
  return { meanMs: meanWaitMs, p99Ms: p99WaitMs };
}

export function placementText(waits: readonly PlacementWait[]): string {
  const cell = (nodes: number, load: number, way: keyof typeof WAY_TITLES): string => {
    const found = waits.find((one) => one.nodes === nodes && one.load === load && one.way === way);
    return found === undefined ? '' : `${figure(found.meanMs)} / ${figure(found.p99Ms)}`;
  };
  return [
    `From the opening of a stream to the start of its handler, mean / p99 in ms: nodes of ${PLACES} places, handlers of ${HANDLER_MS} ms on average (exponential), as many clients as nodes, ${ROUND_TRIP_MS} ms there and back. Tickets and two choices are simulated, ${figure(STREAMS)} streams each; the clients’ side of the tickets is the code of \`src/nats/place-line.ts\`, and only time is not real. The other two are Erlang’s formula. The ask, the promise and the claim are one and a half round trips, so a ticket never takes less than ${figure(1.5 * ROUND_TRIP_MS)} ms.`,
    '',
    `| nodes | load | ${WAYS.map((way) => WAY_TITLES[way]).join(' | ')} |`,
    `| ---: | ---: | ${WAYS.map(() => '---:').join(' | ')} |`,
    ...NODES.flatMap((nodes) =>
      TABLE_LOADS.map(
        (load) => `| ${nodes} | ${load} | ${WAYS.map((way) => cell(nodes, load, way)).join(' | ')} |`,
      ),
    ),
  ].join('\n');
}
