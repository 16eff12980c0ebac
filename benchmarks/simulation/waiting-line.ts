/** What is known of a line without a simulation: Erlang's formula for Poisson arrivals and exponential service (M/M/c). */
export interface LineWait {
  readonly meanMs: number;
  readonly p99Ms: number;
}

/**
 * @param servers that take from one line, first come, first served
 * @param load share of them that is busy, below 1
 * @param serviceMs on average
 */
export function lineWait(servers: number, load: number, serviceMs: number): LineWait {
  const delayed = delayedShare(servers, load);
  // Who waits at all does so exponentially, at the rate at which the line gets shorter.
  const lineMs = serviceMs / (servers * (1 - load));
  return { meanMs: delayed * lineMs, p99Ms: Math.max(0, Math.log(delayed / 0.01) * lineMs) };
}

/** The share of arrivals that find all servers busy (Erlang C), by the recursion of Erlang B. */
function delayedShare(servers: number, load: number): number {
  const offered = servers * load;
  let blocked = 1;
  for (let server = 1; server <= servers; server++)
    blocked = (offered * blocked) / (server + offered * blocked);
  return blocked / (1 - load * (1 - blocked));
}
