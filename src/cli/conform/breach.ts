import { isDeepStrictEqual } from 'node:util';
import { preview } from '../recording/render.ts';

/** The module did what the contract forbids, or left out what it owes. */
export class Breach extends Error {
  override readonly name = 'Breach';
  readonly expected: string;
  readonly seen: string;

  constructor(expected: string, seen: string) {
    super(`expected ${expected}, seen ${seen}`);
    this.expected = expected;
    this.seen = seen;
  }
}

/** @throws Breach where `seen` is not `expected` */
export function expectSame(what: string, seen: unknown, expected: unknown): void {
  if (isDeepStrictEqual(seen, expected)) return;
  throw new Breach(`${what}: ${JSON.stringify(expected)}`, JSON.stringify(seen) ?? 'nothing');
}

/** @throws Breach where `isSo` is false */
export function expectThat(isSo: boolean, expected: string, seen: string): void {
  if (!isSo) throw new Breach(expected, seen);
}

/** @throws Breach where the chunks differ, in their number, their boundaries or their bytes */
export function expectChunks(seen: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  expectSame(
    'the sizes of the chunks',
    seen.map(({ length }) => length),
    expected.map(({ length }) => length),
  );
  for (const [index, chunk] of expected.entries()) {
    const got = seen[index] ?? new Uint8Array(0);
    expectThat(
      Buffer.compare(got, chunk) === 0,
      `chunk ${index} to be ${preview(chunk)}`,
      `other bytes of that length: ${preview(got)}`,
    );
  }
}
