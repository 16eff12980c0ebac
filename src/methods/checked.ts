import { ModuleError } from '../errors.ts';
import { tooLargeFor, type AnyCodec } from './codec.ts';
import { issueOf, issuesError } from './issues.ts';
import type { StandardResult, StandardSchema } from './standard-schema.ts';

/** The code for a value that is refused: the host's mistake, or the handler's. */
export type Blame = 'invalidArgument' | 'handlerFailed';

/** The value as its schema gives it back; a promise of it if the schema checks asynchronously. @param name for a person */
export function checked(
  schema: StandardSchema | undefined,
  value: unknown,
  code: Blame,
  name: string,
): unknown {
  if (schema === undefined) return value;
  const accept = (result: StandardResult<unknown>): unknown => {
    if (result.issues !== undefined) throw issuesError(code, name, result.issues.map(issueOf));
    return result.value;
  };
  const result = schema['~standard'].validate(value);
  return 'then' in result ? Promise.resolve(result).then(accept) : accept(result);
}

/** The value itself. @throws ModuleError `handlerFailed` for a promise, because a synchronous handler can't wait for it */
export function now(value: unknown): unknown {
  if (!(value instanceof Promise)) return value;
  // The promise is dropped, so its rejection must not count as unhandled.
  value.catch(() => {});
  throw new ModuleError(
    'handlerFailed',
    'the schema checks asynchronously, and a synchronous handler can’t wait for it; use an async function or generator',
  );
}

/** The payload of a value that the handler gave. @throws ModuleError `handlerFailed` for a value that can't be sent */
export function encoded(codec: AnyCodec, value: unknown, name: string): Uint8Array {
  const payload = codec.encode(value);
  const problem = tooLargeFor(codec, payload);
  if (problem !== undefined) throw new ModuleError('handlerFailed', `${name}: ${problem}`);
  return payload;
}

/** Runs a decoder's step. @throws ModuleError with `code` for bytes that it can't read */
export function decoded<T>(code: Blame, name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw issuesError(code, name, [{ message: (error as Error).message, path: [] }]);
  }
}

/** Takes the decoded values of a direction that has one value, and makes that value of them. */
export class OnlyValue {
  readonly #codec: AnyCodec;
  readonly #code: Blame;
  readonly #name: string;
  readonly #values: unknown[] = [];

  /** @param name of the direction, for a person */
  constructor(codec: AnyCodec, code: Blame, name: string) {
    this.#codec = codec;
    this.#code = code;
    this.#name = name;
  }

  /** @throws ModuleError for a value too many */
  add(value: unknown): void {
    if (this.#values.length > 0 && this.#codec.join === undefined)
      throw new ModuleError(this.#code, `${this.#name} has more than one value; its shape says one(…)`);
    this.#values.push(value);
  }

  /** @throws ModuleError if no value came */
  take(): unknown {
    if (this.#codec.join !== undefined) return this.#codec.join(this.#values);
    if (this.#values.length === 0)
      throw new ModuleError(this.#code, `${this.#name} has no value; its shape says one(…)`);
    return this.#values[0];
  }
}
