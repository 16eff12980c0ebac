import { describeMessage } from './decoded-message.ts';

/** A message longer than this is described at once, so that the log stays small; others when somebody asks. */
const KEPT_BYTES = 65_536;

type Entry = Uint8Array | string;

/** The last messages each way, decoded only when a test has failed. */
export class WireLog {
  readonly #limit: number;
  readonly #entries = { in: [] as Entry[], out: [] as Entry[] };
  readonly #counts = { in: 0, out: 0 };

  constructor(limit = 50) {
    this.#limit = limit;
  }

  /** Takes one message; fits `onWire` of the host session. */
  readonly record = (direction: 'in' | 'out', message: Uint8Array): void => {
    const entry =
      message.length > KEPT_BYTES ? describeMessage(Uint8Array.from(message)) : Uint8Array.from(message);
    this.#entries[direction][this.#counts[direction]++ % this.#limit] = entry;
  };

  /** What was kept, oldest first, a line each. */
  describe(): string {
    return [...this.#lines('out', 'host → module'), ...this.#lines('in', 'module → host')].join('\n');
  }

  #lines(direction: 'in' | 'out', title: string): string[] {
    const entries = this.#entries[direction];
    const count = this.#counts[direction];
    const first = Math.max(0, count - this.#limit);
    const lines = [`${title}: ${count} messages${first > 0 ? `, the last ${this.#limit}` : ''}`];
    for (let number = first; number < count; number++) {
      const entry = entries[number % this.#limit] ?? '';
      lines.push(`  ${number} ${typeof entry === 'string' ? entry : describeMessage(entry)}`);
    }
    return lines;
  }
}
