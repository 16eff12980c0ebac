import { MIN_PAYLOAD_BYTES } from '../../fixtures/stress-payload.ts';
import { SeededRandom } from '../../fixtures/stress-random.ts';
import type { ErrorCode } from '../../../src/host/index.ts';
import type { StressTransport } from '../../support/stress-child.ts';

/** What a handler of test/fixtures/stress.ts does at its end, when nobody interferes. */
type Ending = 'close' | ErrorCode | 'never';

interface Method {
  readonly name: string;
  readonly weight: number;
  readonly ends: Ending;
  readonly isAsync?: boolean;
  /** It doesn't end when it is told: its thread is ended. */
  readonly ignoresCancel?: boolean;
  /** It sends until it is stopped. */
  readonly isEndless?: boolean;
}

/** The largest payload. */
const MOST_BYTES = 1 << 20;

const METHODS: readonly Method[] = [
  { name: 'generate', weight: 6, ends: 'close' },
  { name: 'send-sync', weight: 6, ends: 'close' },
  { name: 'send-async', weight: 6, ends: 'close', isAsync: true },
  { name: 'send-pile', weight: 4, ends: 'close', isAsync: true },
  { name: 'echo', weight: 6, ends: 'close' },
  { name: 'echo-async', weight: 6, ends: 'close', isAsync: true },
  { name: 'fail', weight: 3, ends: 'handlerFailed' },
  { name: 'throw-late', weight: 3, ends: 'close' },
  { name: 'send-late', weight: 3, ends: 'close' },
  { name: 'flood', weight: 4, ends: 'never', isEndless: true },
  { name: 'hang', weight: 8, ends: 'never', ignoresCancel: true },
  { name: 'wait', weight: 8, ends: 'never', ignoresCancel: true },
  { name: 'stubborn', weight: 20, ends: 'never', ignoresCancel: true, isEndless: true },
  { name: 'stubborn-async', weight: 10, ends: 'never', ignoresCancel: true, isEndless: true, isAsync: true },
  { name: 'exit', weight: 60, ends: 'workerCrashed' },
  { name: 'wait-async', weight: 8, ends: 'never', ignoresCancel: true, isAsync: true },
  { name: 'flood-async', weight: 4, ends: 'never', isEndless: true, isAsync: true },
  { name: 'slow-stop', weight: 15, ends: 'never', ignoresCancel: true, isEndless: true },
  { name: 'exit-holding', weight: 20, ends: 'workerCrashed', isEndless: true },
  { name: 'oom', weight: 0.3, ends: 'workerCrashed', isEndless: true },
];

/** How one child of the stress is started, and how its host behaves. */
export interface ChildPlan {
  readonly transport: StressTransport;
  readonly workers: number;
  readonly streamsPerWorker: number;
  readonly cancelGraceMs: number;
  /** The host stops reading now and then, for up to 300 ms. */
  readonly pauses: boolean;
}

/** One stream of the stress: what it asks of the handler, and when the host interferes. */
export interface StreamPlan {
  readonly method: Method;
  readonly tag: number;
  readonly seed: number;
  /** Data frames, of `min` to `max` bytes; what an echo gets as input. */
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly initialCredit: number;
  /** The host gives no more than the first credit. */
  readonly starves: boolean;
  /** After that many frames the host cancels, `cancelDelayMs` later. Infinity: never. */
  readonly cancelAtFrame: number;
  readonly cancelDelayMs: number;
  /** What a `slow-stop` takes beyond the grace time, negative for less; and where an `exit-holding` exits. */
  readonly slowMs: number;
  readonly exitAt: number;
  /** From the Open on. */
  readonly deadlineMs: number | undefined;
}

export function planChild(seed: number): ChildPlan {
  const random = new SeededRandom(seed, 1);
  return {
    transport: random.pick([
      ['socket', 2],
      ['blocking pipe', 1],
      ['non-blocking pipe', 1],
    ]),
    workers: random.between(2, 4),
    streamsPerWorker: random.chance(0.3) ? 3 : 1,
    cancelGraceMs: random.between(5, 25),
    pauses: random.chance(0.5),
  };
}

/**
 * Stream number `tag` of the child: the same for the same seed, whatever the timing.
 *
 * @param only these methods, instead of all
 * @param bulkBytes every payload has at least so many bytes; there are fewer of them then
 */
export function planStream(
  seed: number,
  tag: number,
  only?: readonly string[],
  bulkBytes?: number,
): StreamPlan {
  const random = new SeededRandom(seed, 2, tag);
  const choices = METHODS.filter(({ name }) => only?.includes(name) ?? true);
  const method = random.pick(choices.map((choice) => [choice, choice.weight] as const));
  const mustStop = method.ends === 'never';
  const byDeadline = method.name !== 'oom' && random.chance(mustStop ? 0.15 : 0.05);
  const cancels = mustStop ? !byDeadline : random.chance(0.15);
  return {
    method,
    tag,
    seed: random.between(0, 2 ** 31),
    count: random.length(1, method.isEndless === true ? 10 : bulkBytes === undefined ? 300 : 30),
    min: bulkBytes ?? MIN_PAYLOAD_BYTES,
    max: random.length(
      bulkBytes ?? 64,
      bulkBytes !== undefined || random.chance(0.05) ? MOST_BYTES : 1 << 16,
    ),
    initialCredit: random.chance(0.2) ? random.length(1, 1 << 16) : random.length(1 << 16, 1 << 24),
    // Whoever doesn't end by itself is stopped in the middle of that wait, too.
    starves: method.name === 'flood' || method.name.startsWith('stubborn') ? random.chance(0.5) : false,
    cancelAtFrame: cancels ? random.between(0, 5) : Infinity,
    cancelDelayMs: random.chance(0.3) ? 0 : random.between(0, 10),
    slowMs: random.between(-40, 40) / 10,
    exitAt: random.length(1, 100),
    deadlineMs: byDeadline ? random.between(5, 60) : undefined,
  };
}

/** The codes that a stream's terminal frame may say, `close` included. */
export function allowedEnds(
  plan: StreamPlan,
  did: { readonly cancelled: boolean; readonly pastDeadline: boolean; readonly sharesWorker: boolean },
): string[] {
  const ends: string[] = plan.method.ends === 'never' ? [] : [plan.method.ends];
  if (did.cancelled) ends.push('cancelled');
  if (did.pastDeadline) ends.push('deadlineExceeded');
  // A neighbour on the same thread takes it along.
  if (did.sharesWorker && plan.method.isAsync === true) ends.push('workerCrashed');
  return ends;
}
