/** The times of sessions and places, in ms. Tests shorten them; whoever serves and calls has no reason to. */
export interface SessionTimes {
  /** How often each session is looked at. */
  readonly tickMs: number;
  /** How often a side with something open says that it is there. */
  readonly beatMs: number;
  /** The peer counts as lost when the server has answered for this long that nobody listens there. */
  readonly goneMs: number;
  /** On top of `goneMs` after a reconnect of the own connection, since the peer has to find a server, too. */
  readonly rejoinMs: number;
  /** The peer counts as lost when nothing was heard of it for this long. */
  readonly silentMs: number;
  /** The shortest time between two attempts to send the same message. */
  readonly resendMs: number;
  /** A session with nothing open is closed by its client after this time; the node forgets it after twice the time. */
  readonly idleMs: number;
  /** An ask without an answer counts as lost. */
  readonly askMs: number;
  /** The first and the longest pause after an answer that there is no room; half of it is random. */
  readonly backOffMs: readonly [first: number, longest: number];
  /** How long a stream or request waits for a place. */
  readonly placeMs: number;
  /** How long a node keeps a promised place that nobody claims. */
  readonly holdMs: number;
  /** How long a node knows a promise whose place it has given up: a late claim is still good. */
  readonly lateMs: number;
}

export const DEFAULT_TIMES: SessionTimes = {
  tickMs: 200,
  beatMs: 1_000,
  goneMs: 2_000,
  rejoinMs: 3_000,
  silentMs: 15_000,
  resendMs: 200,
  idleMs: 30_000,
  askMs: 200,
  backOffMs: [10, 250],
  placeMs: 60_000,
  holdMs: 2_000,
  lateMs: 60_000,
};
