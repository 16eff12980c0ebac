import { mayBeIgnored } from '../../host/handed-out.ts';
import { Breach } from './breach.ts';

interface Wait {
  readonly expected: string;
  /** Whether it is over. */
  readonly attempt: () => boolean;
  readonly reject: (why: Breach) => void;
}

/** What a case waits for of its module. The first breach of the contract fails every wait, those that are still to come included. */
export class Waits {
  readonly #waits = new Set<Wait>();
  #breach: Breach | undefined;
  #hasEnded = false;

  /** The first breach of the contract. */
  get breach(): Breach | undefined {
    return this.#breach;
  }

  /**
   * Waits until `look` finds something.
   *
   * @param expected what is waited for, for the report
   * @throws Breach from the promise: nothing came in time, the module has ended, or it broke the contract in another way
   */
  until<T>(expected: string, look: () => T | undefined, withinMs?: number): Promise<T> {
    if (this.#breach !== undefined) return mayBeIgnored(Promise.reject<T>(this.#breach));
    const found = look();
    if (found !== undefined) return Promise.resolve(found);
    if (this.#hasEnded) {
      return mayBeIgnored(Promise.reject<T>(new Breach(expected, 'the module has ended')));
    }
    return mayBeIgnored(
      new Promise<T>((resolve, reject) => {
        const attempt = (): boolean => {
          const value = look();
          if (value === undefined) return false;
          clearTimeout(timer);
          resolve(value);
          return true;
        };
        const timer = withinMs === undefined ? undefined : setTimeout(() => this.isLate(withinMs), withinMs);
        const giveUp = (why: Breach): void => {
          clearTimeout(timer);
          reject(why);
        };
        this.#waits.add({ expected, attempt, reject: giveUp });
      }),
    );
  }

  /** Something has come: ends the waits that it was for. */
  look(): void {
    for (const wait of this.#waits) if (wait.attempt()) this.#waits.delete(wait);
  }

  /** The contract is broken. */
  fail(breach: Breach): void {
    this.#breach ??= breach;
    for (const wait of this.#waits) wait.reject(this.#breach);
    this.#waits.clear();
  }

  /** What was to come has had its time, in ms. */
  isLate(ms: number): void {
    const expected = [...this.#waits].map((wait) => wait.expected).join('; ');
    this.fail(
      new Breach(expected === '' ? 'an end of this case' : expected, `nothing of it within ${ms} ms`),
    );
  }

  /** The module's process has ended. @param how for a person */
  end(how: string): void {
    this.#hasEnded = true;
    this.look();
    for (const wait of this.#waits) wait.reject(new Breach(wait.expected, `the module ${how}`));
    this.#waits.clear();
  }
}
