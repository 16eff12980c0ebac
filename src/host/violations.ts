import { cutUtf8 } from '../base/text.ts';
import { causedBy, ContractViolation, type ViolationKind } from './contract-violation.ts';

/** Each holds a stack, and a hostile module makes one of every message. */
const MAX_KEPT = 1000;
/** What a violation says may quote the module, which may say 16 MiB. In bytes of UTF-8. */
const MAX_MESSAGE_BYTES = 1_024;

/** Counts what the module does against the contract, tells the host of each breach, and keeps the first thousand. */
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
