import { complain } from '../terminal/failure.ts';
import { count, jsonBytes } from '../terminal/format.ts';
import { preview } from '../recording/render.ts';

/** Time between two lines where nothing can be drawn over, in ms. */
const LINE_MS = 1000;
const BAR_WIDTH = 20;

/** The progress of a call for the person who made it: a part of the drawn line, or a line of its own now and then. */
export class CallProgress {
  readonly #isDrawn: boolean;
  readonly #now: () => number;
  readonly #print: (line: string) => void;
  #latest: Uint8Array | undefined;
  #lastLineAt = -Infinity;

  /** @param isDrawn whether a line is drawn on the terminal, which {@link text} is a part of */
  constructor(isDrawn: boolean, now = (): number => performance.now(), print = complain) {
    this.#isDrawn = isDrawn;
    this.#now = now;
    this.#print = print;
  }

  /** A value has come. */
  add(value: Uint8Array): void {
    this.#latest = value;
    if (this.#isDrawn || this.#now() - this.#lastLineAt < LINE_MS) return;
    this.#lastLineAt = this.#now();
    this.#print(progressText(value));
  }

  /** The latest value; empty if none has come. */
  get text(): string {
    return this.#latest === undefined ? '' : `${progressText(this.#latest)}  `;
  }
}

/** A progress value in one line: a bar for `{ "done": 3, "total": 10 }` and for a number from 0 to 1, else the value itself. */
export function progressText(value: Uint8Array): string {
  const parsed = jsonOf(value);
  if (typeof parsed === 'number' && parsed >= 0 && parsed <= 1) return bar(parsed);
  if (typeof parsed === 'object' && parsed !== null) {
    const { done, total } = parsed as { done?: unknown; total?: unknown };
    if (typeof done === 'number' && typeof total === 'number' && done >= 0 && total > 0) {
      return `${bar(Math.min(1, done / total))}, ${count(done)} of ${count(total)}`;
    }
  }
  return parsed === undefined ? preview(value) : JSON.stringify(parsed);
}

/** A progress value as a part of a line of JSON. */
export function progressJson(value: Uint8Array): unknown {
  const parsed = jsonOf(value);
  return parsed === undefined ? jsonBytes(value) : parsed;
}

/** The JSON in a value; `undefined` if it is none. */
function jsonOf(value: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
  } catch {
    return undefined;
  }
}

function bar(fraction: number): string {
  const filled = Math.round(fraction * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${Math.floor(fraction * 100)} %`;
}
