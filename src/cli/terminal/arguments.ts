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

const UNITS = { ms: 1, s: 1000, m: 60_000 } as const;

/**
 * A parser for a time of 1 ms to 2^31 - 1 ms: a number of ms, or with a unit, like `250ms`, `1.5s`, `2m`.
 *
 * @throws InvalidArgumentError as {@link integer}
 */
export function milliseconds(text: string): number {
  const [, digits = '', unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Math.round(Number(digits) * UNITS[unit as keyof typeof UNITS]);
  if (digits === '' || ms < 1 || ms > 2 ** 31 - 1)
    throw new InvalidArgumentError('It takes a time, like 250, 250ms, 1.5s or 2m.');
  return ms;
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
