import type { ManifestRun } from '../../threads/manifest.ts';

/** The calls of one method that run at once: how many do, how many may, and those that wait for one of them to end. */
export class RunLimit<Call> {
  readonly run: ManifestRun;
  readonly most: number;
  running = 0;
  /** Calls that found the limit reached, in the order in which they came. */
  readonly waiting = new Set<Call>();

  /** @param most at least 1 */
  constructor(run: ManifestRun, most: number) {
    this.run = run;
    this.most = most;
  }

  get isReached(): boolean {
    return this.running >= this.most;
  }
}

/** The limits of a module's methods, each made when it is first asked for. */
export class MethodLimits<Call> {
  readonly #limits = new Map<ManifestRun, RunLimit<Call>>();

  /** @returns `undefined` for a method without `concurrency` */
  of(run: ManifestRun): RunLimit<Call> | undefined {
    if (run.concurrency === undefined) return undefined;
    let limit = this.#limits.get(run);
    if (limit === undefined) this.#limits.set(run, (limit = new RunLimit(run, run.concurrency)));
    return limit;
  }
}

/** @returns why a call ends that has sent too much; `undefined` if it has not */
export function inputRefusal(run: ManifestRun, inputBytes: number): string | undefined {
  const { maxInputBytes = Infinity } = run;
  if (inputBytes <= maxInputBytes) return undefined;
  return `${subject(run)} takes at most ${maxInputBytes} bytes of input (maxInputBytes); this call has sent ${inputBytes}`;
}

/** Why a call ends whose handler took too long. */
export function timeoutReason(run: ManifestRun): string {
  return `${subject(run)} may run for ${run.timeoutMs} ms (timeoutMs), and this call has taken them`;
}

/** Why a call is refused that could wait for others of its method, were there room to wait. */
export function concurrencyReason({ run, most, waiting }: RunLimit<unknown>): string {
  return `${subject(run)} runs ${most} calls at a time (concurrency), and ${waiting.size} wait already`;
}

function subject({ name }: ManifestRun): string {
  return name === undefined ? 'a call of this module' : `the method '${name}'`;
}
