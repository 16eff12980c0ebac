import type { ModuleChild } from './module-child.ts';

/** The methods that a module under test may have: the stream methods of the conformance module, and `handle` for its unary requests. */
export const CORE_METHODS = [
  'echo',
  'sink',
  'source',
  'sha256',
  'spin',
  'context',
  'fail',
  'fail-code',
  'hang',
  'exit',
  'service',
  'kv',
  'handle',
] as const;
export const FURTHER_METHODS = [
  'echo-async',
  'mandelbrot',
  'slow-consumer',
  'print',
  'wait',
  'throw-late',
  'reject',
] as const;
export type ConformMethod = (typeof CORE_METHODS)[number] | (typeof FURTHER_METHODS)[number];

/** One thing that the contract asks of a module. */
export interface ConformCase {
  /** A sentence that is true of a sound module. */
  readonly name: string;
  /** Where the protocol page says so. */
  readonly rule: string;
  /** A module that lacks one of them is not asked. */
  readonly needs: readonly ConformMethod[];
  /**
   * `shared`: a child that other cases have used, and that has been initialized; this case leaves it as sound as it was. `own`: a new
   * one, which may end. `untouched`: a new one, to which nothing has been said yet.
   */
  readonly child: 'shared' | 'own' | 'untouched';
  /** @throws Breach, or whatever a wait of the child rejects with */
  readonly run: (child: ModuleChild) => Promise<void>;
}

/** Answers that nothing may hold up come within this time, in ms. */
export const AT_ONCE_MS = 2_000;

/** Time in which a cancelled handler is gone: the grace time of 1,000 ms, the end of its worker, and a loaded machine. */
export const CANCELLED_MS = 6_000;
