import { InvalidArgumentError } from 'commander';

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
 * A parser for a list of whole numbers within bounds, like `1,2,4`.
 *
 * @throws InvalidArgumentError as {@link integer}
 */
export function integers(min: number, max: number): (text: string) => number[] {
  return (text) => text.split(',').map(integer(min, max));
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
