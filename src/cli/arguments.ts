import { InvalidArgumentError } from 'commander';

/** Ends with a message for a person. */
export function fail(exitCode: number, message: string): never {
  process.stderr.write(`ixt-module: ${message}\n`);
  process.exit(exitCode);
}

/**
 * A parser for whole numbers within bounds.
 *
 * @throws InvalidArgumentError from the parser, which commander prints with the name of the option
 */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/**
 * A parser for `key=value`, for an option that may be given several times; the value may contain further `=`.
 *
 * @throws InvalidArgumentError as {@link integer}
 */
export function keyValue(
  text: string,
  previous: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It takes key=value; FILE and METHOD go before it.');
  return [...previous, [text.slice(0, at), text.slice(at + 1)]];
}
