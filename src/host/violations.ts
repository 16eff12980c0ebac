import { cutUtf8 } from '../base/text.ts';
import { causedBy, ContractViolation, type ViolationKind } from './contract-violation.ts';

/**
 * Number of violations that are kept. It is limited, because each holds a stack, and a hostile module can cause one with every
 * message.
 */
const MAX_KEPT = 1000;
/** Limit for a violation's message, in bytes of UTF-8, because it may quote the module, whose text may have 16 MiB. */
const MAX_MESSAGE_BYTES = 1_024;

/** Counts the module's breaches of the contract, tells the host of each, and keeps the first thousand. */
export class Violations {
  readonly kept: ContractViolation[] = [];
  readonly #onViolation: ((violation: ContractViolation) => void) | undefined;
  #count = 0;

  constructor(onViolation: ((violation: ContractViolation) => void) | undefined) {
    this.#onViolation = onViolation;
  }

  get count(): number {
    return this.#count;
  }

  add(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void {
    this.#count += 1;
    const isKept = this.#count <= MAX_KEPT;
    if (!isKept && this.#onViolation === undefined) return;
    const violation = new ContractViolation(
      kind,
      requestId,
      cutUtf8(message, MAX_MESSAGE_BYTES),
      causedBy(cause),
    );
    if (isKept) this.kept.push(violation);
    this.#onViolation?.(violation);
  }
}
