import { PlaceLine } from '../../src/nats/place-line.ts';
import type { Grant } from '../../src/nats/grant.ts';
import { INITIAL_CREDIT } from '../../src/wire/flow-limits.ts';
import { DEFAULT_TIMES } from '../../src/nats/session-times.ts';
import { parseNodeId, type NodeId } from '../../src/nats/subjects.ts';
import type { Placement, PlacementWorld, SimulatedStream } from './placement.ts';

/** As `src/nats/tickets.ts` has it. */
const MAX_TICKETS = 8;

/**
 * What is built: a node shows its free places to the server as tickets, a client asks the server, and the server gives the ask to a node
 * with a ticket, or says that nobody has room. The clients' side is the real one, with its back-off: only time is simulated.
 *
 * The server is half-way between clients and nodes, so each way to it or from it takes a quarter of a round trip.
 */
export class Tickets implements Placement {
  readonly #world: PlacementWorld;
  readonly #lines: readonly PlaceLine[];
  readonly #ids: readonly NodeId[];
  readonly #nodeOf = new Map<NodeId, number>();
  /** Places that are neither promised nor live. */
  readonly #free: number[];
  /** Tickets of each node that are at the server, or on their way to it. */
  readonly #up: number[];
  /** Nodes by their tickets at the server. */
  readonly #tickets: number[] = [];
  #nextAsk = 1;

  constructor(world: PlacementWorld) {
    this.#world = world;
    this.#ids = Array.from({ length: world.nodes }, (_, node) => nodeId(node));
    this.#ids.forEach((id, node) => this.#nodeOf.set(id, node));
    this.#free = new Array<number>(world.nodes).fill(world.places);
    this.#up = new Array<number>(world.nodes).fill(0);
    this.#lines = Array.from({ length: world.nodes }, (_, client) => this.#newLine(client));
    for (let node = 0; node < world.nodes; node++) this.#refresh(node);
  }

  open(stream: SimulatedStream): void {
    const { time, roundTripMs } = this.#world;
    this.#lines[stream.client]?.add({
      // The claim goes with the stream.
      place: ({ node }) =>
        time.after(roundTripMs / 2, () => this.#start(this.#nodeOf.get(node) ?? 0, stream)),
      fail: (error) => {
        throw error;
      },
    });
  }

  #newLine(client: number): PlaceLine {
    const { time, random } = this.#world;
    return new PlaceLine(
      {
        ask: (ask) => this.#ask(client, ask),
        nextAsk: () => this.#nextAsk++,
        now: () => time.now,
        random,
        after: (ms, action) => time.after(ms, action),
        isUp: true,
      },
      DEFAULT_TIMES,
    );
  }

  #ask(client: number, ask: number): void {
    const { time, roundTripMs } = this.#world;
    const leg = roundTripMs / 4;
    time.after(leg, () => {
      const node = this.#takeTicket();
      if (node === undefined) {
        time.after(leg, () => this.#lines[client]?.refused(ask, true));
        return;
      }
      time.after(leg, () => {
        this.#up[node] = (this.#up[node] ?? 0) - 1;
        this.#free[node] = (this.#free[node] ?? 0) - 1;
        this.#refresh(node);
        time.after(2 * leg, () => this.#lines[client]?.granted(ask, this.#grantOf(node)));
      });
    });
  }

  /** A random ticket, as the server picks among a queue group. */
  #takeTicket(): number | undefined {
    const at = Math.floor(this.#world.random() * this.#tickets.length);
    const last = this.#tickets.pop();
    if (last === undefined || at === this.#tickets.length) return last;
    const taken = this.#tickets[at];
    this.#tickets[at] = last;
    return taken;
  }

  #start(node: number, stream: SimulatedStream): void {
    const { time, roundTripMs } = this.#world;
    stream.onStart();
    time.after(stream.handlerMs, () => {
      this.#free[node] = (this.#free[node] ?? 0) + 1;
      this.#refresh(node);
      time.after(roundTripMs / 2, () => this.#lines[stream.client]?.wake());
    });
  }

  /** Puts up as many tickets as there are free places, and never takes one down: a place is only taken by its ticket. */
  #refresh(node: number): void {
    const wanted = Math.min(MAX_TICKETS, this.#free[node] ?? 0);
    for (; (this.#up[node] ?? 0) < wanted; this.#up[node] = (this.#up[node] ?? 0) + 1) {
      this.#world.time.after(this.#world.roundTripMs / 4, () => this.#tickets.push(node));
    }
  }

  #grantOf(node: number): Grant {
    const id = this.#ids[node];
    if (id === undefined) throw new RangeError(`There is no node ${node}.`);
    return { node: id, place: '', now: this.#world.time.now, window: INITIAL_CREDIT };
  }
}

function nodeId(node: number): NodeId {
  const id = parseNodeId(node.toString(16).padStart(32, '0'));
  if (id === undefined) throw new RangeError(`${node} makes no id.`);
  return id;
}
