/**
 * How long a stream waits until its handler starts, where nodes have places and many clients open streams: a discrete-event simulation of
 * two ways to place it.
 */
import { quantile, sortedNumbers } from '../harness/stats.ts';
import { exponential, xorshift } from './random.ts';
import { SimulatedTime } from './simulated-time.ts';
import { Tickets } from './ticket-placement.ts';

export type PlacementWay = 'tickets' | 'two choices';

export interface PlacementCase {
  readonly way: PlacementWay;
  readonly nodes: number;
  /** Of each node. */
  readonly places: number;
  /** Share of all places that the streams keep busy. */
  readonly load: number;
  /** How long handlers run on average, exponentially distributed, in ms. */
  readonly handlerMs: number;
  /** Between a client and a node, there and back, in ms. */
  readonly roundTripMs: number;
  /** Streams that are counted, after those that fill the nodes and a quarter as many. */
  readonly streams: number;
}

export interface PlacementResult extends PlacementCase {
  /** From the opening of a stream to the start of its handler, in ms. */
  readonly meanWaitMs: number;
  readonly p99WaitMs: number;
}

/** A stream: its client, and how long its handler will run. */
export interface SimulatedStream {
  readonly client: number;
  readonly handlerMs: number;
  /** Tells that the handler starts now. */
  readonly onStart: () => void;
}

/** One way to place streams, which calls `onStart` of each once. */
export interface Placement {
  open(stream: SimulatedStream): void;
}

/** What a way to place streams has to work with. */
export interface PlacementWorld {
  readonly time: SimulatedTime;
  readonly random: () => number;
  readonly nodes: number;
  readonly places: number;
  readonly roundTripMs: number;
}

export function simulatePlacement(which: PlacementCase): PlacementResult {
  const { way, nodes, places, load, handlerMs, roundTripMs, streams } = which;
  const time = new SimulatedTime();
  const random = xorshift(nodes * 7919 + Math.round(load * 1e4));
  const placement = WAYS[way]({ time, random, nodes, places, roundTripMs });
  const meanGap = handlerMs / (load * nodes * places);
  const waits: number[] = [];
  const open = (isCounted: boolean): void => {
    const openedAt = time.now;
    placement.open({
      // As many clients as nodes, each with a Poisson share of the streams.
      client: Math.floor(random() * nodes),
      handlerMs: exponential(handlerMs, random),
      onStart: () => {
        if (isCounted) waits.push(time.now - openedAt);
      },
    });
  };
  // Begins as busy as it will be, since it would take long to get there.
  const early = Math.round(load * nodes * places);
  for (let filled = 0; filled < early; filled++) open(false);
  let opened = 0;
  const openNext = (): void => {
    open(opened++ > streams / 4);
    time.after(exponential(meanGap, random), openNext);
  };
  openNext();
  time.run(() => waits.length >= streams);
  const sorted = sortedNumbers(waits);
  const meanWaitMs = waits.reduce((total, wait) => total + wait, 0) / waits.length;
  return { ...which, meanWaitMs, p99WaitMs: quantile(sorted, 0.99) };
}

const WAYS: Readonly<Record<PlacementWay, (world: PlacementWorld) => Placement>> = {
  tickets: (world) => new Tickets(world),
  'two choices': (world) => new TwoChoices(world),
};

/** Each node has a line of its own. A client asks two of them how long it is, and takes the shorter one. */
class TwoChoices implements Placement {
  readonly #world: PlacementWorld;
  readonly #live: number[];
  readonly #lines: SimulatedStream[][];

  constructor(world: PlacementWorld) {
    this.#world = world;
    this.#live = new Array<number>(world.nodes).fill(0);
    this.#lines = Array.from({ length: world.nodes }, () => []);
  }

  open(stream: SimulatedStream): void {
    const { time, roundTripMs } = this.#world;
    const [first, second] = [this.#randomNode(), this.#randomNode()];
    // Both are asked at once; what they say is half a round trip old when it is read, and a whole one when the stream arrives.
    time.after(roundTripMs / 2, () => {
      const best = this.#busy(second) < this.#busy(first) ? second : first;
      time.after(roundTripMs, () => this.#arrive(best, stream));
    });
  }

  #randomNode(): number {
    return Math.floor(this.#world.random() * this.#world.nodes);
  }

  #busy(node: number): number {
    return (this.#live[node] ?? 0) + (this.#lines[node]?.length ?? 0);
  }

  #arrive(node: number, stream: SimulatedStream): void {
    if ((this.#live[node] ?? 0) < this.#world.places) this.#start(node, stream);
    else this.#lines[node]?.push(stream);
  }

  #start(node: number, stream: SimulatedStream): void {
    this.#live[node] = (this.#live[node] ?? 0) + 1;
    stream.onStart();
    this.#world.time.after(stream.handlerMs, () => {
      this.#live[node] = (this.#live[node] ?? 0) - 1;
      const next = this.#lines[node]?.shift();
      if (next !== undefined) this.#start(node, next);
    });
  }
}
