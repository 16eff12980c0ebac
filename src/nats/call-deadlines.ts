import { ModuleError } from '../errors.ts';
import { Unsettled } from '../host/handed-out.ts';
import { DEFAULT_GRACE_MS, LocalEnds } from '../host/local-end.ts';
import type { StreamWaits } from '../host/streams/host-stream.ts';
import type { InvocationContextInit } from '../wire/context.ts';
import type { Grant } from './grant.ts';

/** The connection to NATS holds the process until the client is closed, so there is nothing to hold it by. */
const unsettled = new Unsettled({});

/**
 * The client's own part in the deadlines of its calls, by its own clock.
 *
 * A node's clock may differ, so the sessions, which know deadlines as they were sent, must not act on them.
 */
export class CallDeadlines {
  readonly #localEnds: LocalEnds;
  readonly #placeMs: number;

  /** @param placeMs how long a call waits for a place at most */
  constructor(placeMs: number, graceMs: number = DEFAULT_GRACE_MS) {
    this.#localEnds = new LocalEnds(graceMs);
    this.#placeMs = placeMs;
  }

  /** For a stream, which ends by itself when the node does not end it in time. */
  waitsOf({ deadlineUnixMs }: InvocationContextInit): StreamWaits {
    return { unsettled, localEnds: this.#localEnds, deadlineUnixMs };
  }

  /** A request's `answer`, or `deadlineExceeded` where it has not come some time after the deadline. */
  limit<T>({ deadlineUnixMs = 0 }: InvocationContextInit, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.#localEnds.afterDeadline(deadlineUnixMs, () => {
        const message = `The node has not answered within ${this.#localEnds.grace} after the deadline.`;
        reject(new ModuleError('deadlineExceeded', message));
      });
      void answer.finally(forget).then(resolve, reject);
    });
  }

  /** Acts at the deadline itself, for a call that still waits for a place. @returns what stops the timer */
  whileWaiting(
    { deadlineUnixMs = 0 }: InvocationContextInit,
    onDeadline: (error: ModuleError) => void,
  ): () => void {
    const left = deadlineUnixMs - Date.now();
    // Beyond that it can't pass while something waits for a place.
    if (deadlineUnixMs === 0 || left > this.#placeMs) return () => undefined;
    const message = 'The deadline has passed before a node had a place.';
    const timer = setTimeout(
      () => onDeadline(new ModuleError('deadlineExceeded', message)),
      Math.max(0, left),
    );
    return () => clearTimeout(timer);
  }
}

/** A deadline is a time of day: where the node's clock differs by more than the answer took, it is moved. */
export function contextForNode(
  context: InvocationContextInit,
  { now }: Grant,
  roundTripMs: number,
): InvocationContextInit {
  const { deadlineUnixMs = 0 } = context;
  const ahead = now + roundTripMs / 2 - Date.now();
  const isSame = !Number.isFinite(ahead) || Math.abs(ahead) <= roundTripMs;
  if (deadlineUnixMs === 0 || isSame) return context;
  return { ...context, deadlineUnixMs: Math.max(1, Math.round(deadlineUnixMs + ahead)) };
}
