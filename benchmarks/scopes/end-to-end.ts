import type { Contestant, Measurement } from '../harness/contest.ts';
import { quantile, sortedNumbers } from '../harness/stats.ts';
import { threadTimes, timesBetween, type ThreadTimes } from '../harness/thread-times.ts';
import type { Peer, Transfer } from '../peers/peer.ts';

/** Frames (or streams) a second. */
export function throughput(peer: Peer, measure: (seconds: number) => Promise<Transfer>): Contestant {
  return {
    name: peer.name,
    async measure(seconds): Promise<Measurement> {
      const costs = new Costs(peer);
      const { frames, seconds: took } = await measure(seconds);
      return { value: frames / took, details: costs.each(frames) };
    },
    close: () => peer.close(),
  };
}

/** The median of round trip times in microseconds, one after the other. */
export function latency(
  peer: Pick<Peer, 'name' | 'pid' | 'serverPid' | 'close'>,
  trip: () => Promise<void>,
): Contestant {
  return {
    name: peer.name,
    async measure(seconds): Promise<Measurement> {
      const costs = new Costs(peer);
      const times: number[] = [];
      const end = performance.now() + seconds * 1000;
      for (let now = performance.now(); now < end;) {
        await trip();
        const then = performance.now();
        times.push(then - now);
        now = then;
      }
      const details = latencyDetails(times);
      return { value: details['p50 µs'], details: { ...details, ...costs.each(times.length) } };
    },
    close: () => peer.close(),
  };
}

/** The detail that has all of a server's CPU time for each frame (or stream). */
export const SERVER_CPU = 'server µs';

/** What each thread spent, in CPU time, which doesn't grow with what else the machine does. */
class Costs {
  readonly #peer: Pick<Peer, 'pid' | 'serverPid'>;
  readonly #child: ThreadTimes;
  readonly #host: ThreadTimes;
  readonly #server: ThreadTimes;

  constructor(peer: Pick<Peer, 'pid' | 'serverPid'>) {
    this.#peer = peer;
    this.#server = threadTimes(peer.serverPid ?? 0);
    this.#child = threadTimes(peer.pid);
    this.#host = threadTimes(process.pid);
  }

  /** Per frame, since this was made. */
  each(frames: number): Record<string, number> {
    const child = timesBetween(this.#child, threadTimes(this.#peer.pid));
    const host = timesBetween(this.#host, threadTimes(process.pid));
    const perFrame = (nanoseconds: number): number => nanoseconds / 1000 / Math.max(1, frames);
    return {
      'host µs': perFrame(host.main),
      'child main µs': perFrame(child.main),
      'child threads µs': perFrame(child.others),
      ...this.#serverDetail(perFrame),
    };
  }

  #serverDetail(perFrame: (nanoseconds: number) => number): Record<string, number> {
    const { serverPid } = this.#peer;
    if (serverPid === undefined) return {};
    const { main, others } = timesBetween(this.#server, threadTimes(serverPid));
    return { [SERVER_CPU]: perFrame(main + others) };
  }
}

/** @param times in milliseconds */
export function latencyDetails(times: readonly number[]): {
  'p50 µs': number;
  'p99 µs': number;
  'p99.9 µs': number;
} {
  const sorted = sortedNumbers(times);
  const at = (share: number): number => quantile(sorted, share) * 1000;
  return { 'p50 µs': at(0.5), 'p99 µs': at(0.99), 'p99.9 µs': at(0.999) };
}

/** The method of a peer, bound. @throws Error for a peer that can't do it */
export function ability<Name extends 'echo' | 'sink' | 'source' | 'open' | 'ping' | 'paced'>(
  peer: Peer,
  name: Name,
): NonNullable<Peer[Name]> {
  const method = peer[name];
  if (method === undefined) throw new Error(`${peer.name} has no ${name}.`);
  return method;
}
