import {
  resolveType,
  structOf,
  type FieldLayout,
  type FieldValue,
  type Layout,
  type StructValue,
} from '../../support/layout.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Numbers of one seed, in the shapes that a generator asks for. */
export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#next() * below);
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** An integer from 1 to `most`, small ones as likely as large ones. */
  upTo(most: number): number {
    return Math.max(1, Math.min(most, Math.floor(2 ** (this.#next() * Math.log2(most + 1)))));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

const CHARACTERS = ['a', 'Z', '0', ' ', '"', '\n', '\0', '\u{feff}', 'é', '日', '🜁', '\u{10ffff}'];
const NUMBERS = [
  0n,
  1n,
  2n,
  63n,
  255n,
  65_535n,
  262_144n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 53n,
  2n ** 64n - 1n,
];

/** A value for every field of `struct`, or for some; of a union one arm. Every value is legal. */
export function generate(dice: Dice, layout: Layout, struct: string, depth = 0): StructValue {
  const fields = [...structOf(layout, struct).fields.values()];
  const arms = fields.filter(({ unionTag }) => unionTag !== undefined);
  const arm = arms.length > 0 ? dice.pick(arms) : undefined;
  const chosen = fields.filter((field) => field.unionTag === undefined || field === arm);
  const present = chosen.filter((field) => field === arm || !dice.oneIn(4));
  return Object.fromEntries(
    present.map((field) => [field.name, fieldValue(dice, layout, struct, field, depth)]),
  );
}

function fieldValue(
  dice: Dice,
  layout: Layout,
  struct: string,
  { type, bits }: FieldLayout,
  depth: number,
): FieldValue {
  const element = /^List\((\w+)\)$/.exec(type)?.[1];
  if (element === undefined)
    return scalar(dice, layout, struct, type, (bits?.end ?? 0) - (bits?.start ?? 0), depth);
  const length = dice.oneIn(20) ? dice.below(300) : dice.below(5);
  return Array.from({ length }, () => scalar(dice, layout, struct, element, 0, depth));
}

function scalar(
  dice: Dice,
  layout: Layout,
  struct: string,
  type: string,
  bits: number,
  depth: number,
): FieldValue {
  if (type === 'Void') return null;
  if (type === 'Text') return text(dice);
  if (type === 'Data') return dice.bytes(length(dice));
  const name = resolveType(layout, struct, type);
  const names = layout.enums.get(name ?? '');
  if (names !== undefined) return dice.pick(names);
  if (name !== undefined) return generate(dice, layout, name, depth + 1);
  return BigInt.asUintN(bits, dice.oneIn(2) ? dice.pick(NUMBERS) : BigInt(dice.below(2 ** 31)));
}

function text(dice: Dice): string {
  return Array.from({ length: length(dice) }, () => dice.pick(CHARACTERS)).join('');
}

/** Mostly around a word or two, now and then larger than any other part of a message. */
function length(dice: Dice): number {
  return dice.oneIn(30) ? dice.below(3000) : dice.below(20);
}
