import { getHeapStatistics } from 'node:v8';
import { MalformedError } from '../../../src/wire/capnp/malformed.ts';
import { Digester, type DigestWords } from './digest.ts';
import { digestOf, type Answer } from './oracle.ts';
import { OverLimit, TARGETS } from './targets.ts';
import { readLayout } from '../../support/layout.ts';

/** The structs under test; a number elsewhere is an index into this. */
export const STRUCTS: readonly string[] = Object.keys(TARGETS);

/** One message, and the struct that it is read as. */
export interface Case {
  readonly struct: number;
  readonly bytes: Uint8Array;
  /** Made by the reference implementation and untouched: capnp-es has to take it too. */
  readonly sound: boolean;
}

export type Verdict =
  | { readonly taken: true; readonly digest: DigestWords }
  | { readonly taken: false; readonly error: MalformedError | OverLimit };

/** What no message may cost. */
const MAX_MS = 10;
const MAX_BYTES_BEYOND = 2 << 20;

/** What ours refuses on purpose, and the reference takes. */
const STRICTER: ReadonlySet<string> = new Set([
  'trailing-bytes',
  'message-limit',
  'segment-count',
  'text-utf8',
  'request-id',
  'enumerant',
  'traversal',
]);

const digester = new Digester(readLayout());

/** Reads a message with the product's readers. Throws what is no refusal: a mistake of theirs. */
export function judge({ struct, bytes }: Case): Verdict {
  const name = STRUCTS[struct]!;
  let value;
  const started = performance.now();
  try {
    value = TARGETS[name]!(bytes);
  } catch (error) {
    if (error instanceof OverLimit) return { taken: false, error };
    if (!(error instanceof MalformedError)) throw error;
    if (error.where === '' || error.message === '')
      throw new Error('a refusal that names no place', { cause: error });
    return { taken: false, error };
  } finally {
    if (performance.now() - started > MAX_MS) expectFast(name, bytes);
  }
  return { taken: true, digest: digester.digest(name, value) };
}

/** Others may have had the processor meanwhile, or the collector: what is slow is slow each time, and in time of its own. */
function expectFast(struct: string, bytes: Uint8Array): void {
  const times = Array.from({ length: 10 }, () => {
    const started = performance.now();
    const before = process.cpuUsage();
    tryRead(struct, bytes);
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - started, (user + system) / 1000);
  });
  const least = Math.min(...times);
  if (least > MAX_MS) throw new Error(`reading it takes ${least.toFixed(1)} ms`);
}

/** Finds the message whose reading takes more memory than its own size and 2 MiB. */
export class MemoryWatch {
  #since = heapBytes();
  #cases: Case[] = [];

  /** To be called after each case; looks now and then, since looking costs more than most reads. @returns the greedy one */
  add(of: Case): Case | undefined {
    this.#cases.push(of);
    if (this.#cases.length < 16) return undefined;
    const cases = this.#cases;
    this.#cases = [];
    const size = cases.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const grown = heapBytes() - this.#since;
    const greedy = grown > MAX_BYTES_BEYOND + size ? cases.find((one) => this.#isGreedy(one)) : undefined;
    this.#since = heapBytes();
    return greedy;
  }

  #isGreedy({ struct, bytes }: Case): boolean {
    const growths = Array.from({ length: 3 }, () => {
      const before = heapBytes();
      tryRead(STRUCTS[struct]!, bytes);
      return heapBytes() - before;
    });
    // A collection in between makes a growth look smaller, never larger.
    return Math.min(...growths) > MAX_BYTES_BEYOND + bytes.length;
  }
}

function heapBytes(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}

function tryRead(struct: string, bytes: Uint8Array): void {
  try {
    TARGETS[struct]!(bytes);
  } catch {
    // Only its cost is asked for.
  }
}

/** What is wrong where the reference says `theirs` and ours `ours`; `undefined`: nothing. */
export function disagreement(of: Case, ours: Verdict, theirs: Answer): string | undefined {
  if (!ours.taken) {
    if (!theirs.taken || ours.error instanceof OverLimit || STRICTER.has(ours.error.what)) return undefined;
    return `it is refused, and the reference takes it: ${ours.error.message}`;
  }
  // No bytes at all stand for the struct with all its defaults, which is this protocol's own convention.
  if (of.bytes.length === 0) return undefined;
  if (!theirs.taken)
    return `it is taken, and the reference refuses it: ${new TextDecoder().decode(theirs.bytes)}`;
  return sameDigest(ours.digest, digestOf(theirs))
    ? undefined
    : 'it is read as other values than by the reference';
}

export function sameDigest(a: DigestWords, b: DigestWords): boolean {
  return a.low === b.low && a.high === b.high;
}
