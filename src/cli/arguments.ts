import { InvalidArgumentError } from 'commander';

/** Ends with a message for a person. */
export function fail(exitCode: number, message: string): never {
  process.stderr.write(`ixt-module: ${message}\n`);
  process.exit(exitCode);
}

/** A parser for whole numbers within bounds. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
