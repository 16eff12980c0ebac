import { ModuleError } from '../errors.ts';
import { EMPTY_PAYLOAD } from '../wire/envelope.ts';
import type { Bus, BusMessage } from './bus.ts';
import { parseGrant, type Grant } from './grant.ts';
import { PlaceLine } from './place-line.ts';
import type { SessionTimes } from './session-times.ts';
import { parseNodeId, type NodeId, type Subjects } from './subjects.ts';

/** The last word of the subject on which the answer to an ask comes: this and its number. */
const ASK = 'ask-';

/** All that a client waits for places for: one line for any node, and one for each node that is wanted by name. */
export class ClientPlaces {
  readonly #bus: Bus;
  readonly #subjects: Subjects;
  readonly #inbox: string;
  readonly #times: SessionTimes;
  readonly #line: PlaceLine;
  readonly #lines = new Map<NodeId, PlaceLine>();
  #nextAsk = 1;

  constructor(bus: Bus, subjects: Subjects, inbox: string, times: SessionTimes) {
    this.#bus = bus;
    this.#subjects = subjects;
    this.#inbox = inbox;
    this.#times = times;
    this.#line = this.#newLine(subjects.want);
  }

  /**
   * The line for any node, or for that one.
   *
   * @throws ModuleError `invalidArgument` for what is no node's id
   */
  lineOf(node: string | undefined): PlaceLine {
    if (node === undefined) return this.#line;
    const id = parseNodeId(node);
    if (id === undefined) throw new ModuleError('invalidArgument', `'${node}' is no node's id.`);
    let line = this.#lines.get(id);
    if (line === undefined) this.#lines.set(id, (line = this.#newLine(this.#subjects.wantOf(id))));
    return line;
  }

  /** The answer to an ask, or the server's word that nobody listens. */
  recv({ token, data, isRefusal }: BusMessage): void {
    if (!token.startsWith(ASK)) return;
    const ask = Number(token.slice(ASK.length));
    const line = this.#all().find((each) => each.has(ask));
    if (isRefusal) {
      line?.refused(ask, true);
      return;
    }
    const grant = parseGrant(data);
    if (grant === undefined) return;
    if (grant === 'full') line?.refused(ask, false);
    else if (!this.#use(ask, grant, line))
      this.#bus.publish(this.#subjects.declineOf(grant.node), grant.place);
  }

  /** A place has probably become free, or there is a server again. */
  wake(): void {
    for (const line of this.#all()) line.wake();
  }

  tick(): void {
    this.#line.tick();
    for (const [node, line] of this.#lines) {
      line.tick();
      if (line.refusedForMs >= this.#times.goneMs) {
        line.failAll(() => new ModuleError('unavailable', `There is no node ${node}.`));
      }
      if (line.isEmpty) this.#lines.delete(node);
    }
  }

  failAll(message: string): void {
    for (const line of this.#all()) line.failAll(() => new ModuleError('unavailable', message));
  }

  /** An answer that comes so late that its ask counts as lost is as good as any. */
  #use(ask: number, grant: Grant, line: PlaceLine | undefined): boolean {
    if (line !== undefined) return line.granted(ask, grant);
    return this.#lines.get(grant.node)?.granted(ask, grant) === true || this.#line.granted(ask, grant);
  }

  #all(): PlaceLine[] {
    return [this.#line, ...this.#lines.values()];
  }

  #newLine(subject: string): PlaceLine {
    const bus = this.#bus;
    return new PlaceLine(
      {
        ask: (number) => bus.publish(subject, EMPTY_PAYLOAD, `${this.#inbox}.${ASK}${number}`),
        nextAsk: () => this.#nextAsk++,
        now: () => performance.now(),
        random: () => Math.random(),
        after: (ms, action) => {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
        get isUp() {
          return bus.isUp;
        },
      },
      this.#times,
    );
  }
}
