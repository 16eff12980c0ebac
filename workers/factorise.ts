/** factorise: whole numbers, one a line, come back as products of primes, one Data per number */
import { defineModule, ModuleError } from '../src/index.ts';

/** Below this, Miller and Rabin's test with these bases is a proof (Sorenson and Webster, 2015). */
const LIMIT = 3_317_044_064_679_887_385_961_981n;
const BASES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n];

export default defineModule({
  name: 'factorise',
  version: '1.0.0',
  onServerStream: {
    *factorise(stream) {
      const onRound = (): void => stream.throwIfCancelled();
      let rest = '';
      for (const chunk of stream) {
        const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield answerTo(line, onRound);
      }
      if (rest !== '') yield answerTo(rest, onRound);
    },
  },
});

function answerTo(line: string, onRound: () => void): Uint8Array {
  const number = /^\d{1,25}$/.test(line) ? BigInt(line) : 0n;
  if (number < 2n || number >= LIMIT) {
    throw new ModuleError('invalidArgument', `'${line}' is no whole number from 2 to ${LIMIT - 1n}.`);
  }
  const primes = primesOf(number, onRound).sort((a, b) => Number(a - b));
  return Buffer.from(`${number} = ${primes.join(' × ')}\n`);
}

function primesOf(number: bigint, onRound: () => void): bigint[] {
  for (const p of BASES) {
    if (number % p === 0n) return number === p ? [p] : [p, ...primesOf(number / p, onRound)];
  }
  if (number < 43n ** 2n || isPrime(number)) return [number];
  let factor = number;
  for (let start = 1n; factor === number; start++) factor = rho(number, start, onRound);
  return [...primesOf(factor, onRound), ...primesOf(number / factor, onRound)];
}

/** Pollard's rho: a divisor above 1, after some √p rounds; each asks whether the answer is still wanted. */
function rho(n: bigint, start: bigint, onRound: () => void): bigint {
  let [slow, fast, divisor] = [2n, 2n, 1n];
  while (divisor === 1n) {
    onRound();
    slow = (slow * slow + start) % n;
    for (let i = 0; i < 2; i++) fast = (fast * fast + start) % n;
    divisor = gcd(slow > fast ? slow - fast : fast - slow, n);
  }
  return divisor;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

/** Miller and Rabin, for an odd `n` that none of the bases divides. */
function isPrime(n: bigint): boolean {
  let [odd, twos] = [n - 1n, 0];
  for (; odd % 2n === 0n; twos++) odd /= 2n;
  return BASES.every((base) => {
    let x = power(base, odd, n);
    if (x === 1n) return true;
    for (let i = 1; i < twos && x !== n - 1n; i++) x = (x * x) % n;
    return x === n - 1n;
  });
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n, base = (base * base) % modulus) {
    if (exponent & 1n) result = (result * base) % modulus;
  }
  return result;
}
