import { resolveType, structOf, type Layout } from '../../support/layout.ts';

/**
 * What a struct was read as, by the schema's names: numbers and enums as numbers, groups and structs as records, lists as arrays.
 * Of a union, `which` says the discriminant.
 */
export interface ReadStruct {
  readonly [field: string]: ReadValue;
}
export type ReadValue = string | number | bigint | Uint8Array | ReadStruct | readonly ReadValue[] | null;

/** The answer of the oracle for the same values: two UInt32. Pairs with `Digest` in `test/fuzz/oracle.c++`. */
export interface DigestWords {
  readonly low: number;
  readonly high: number;
}

type Kind = 'void' | 'number' | 'double' | 'text' | 'data' | 'list' | 'struct';
interface PlannedField {
  readonly path: readonly string[];
  readonly kind: Kind;
  readonly unionTag: number | undefined;
  /** Of a struct, or of a list's elements. */
  readonly struct: string;
  readonly element: Kind;
}

const NO_ARM = 0xffff;
const utf8 = new TextEncoder();

/** Digests values of the schema's structs, in the order of the fields' numbers. */
export class Digester {
  readonly #layout: Layout;
  readonly #plans = new Map<string, readonly PlannedField[]>();
  #low = 0;
  #high = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  digest(struct: string, value: ReadStruct): DigestWords {
    this.#low = 0x811c9dc5;
    this.#high = 0x2f0b4ea7;
    this.#struct(struct, value);
    return { low: this.#low >>> 0, high: this.#high >>> 0 };
  }

  #struct(struct: string, value: ReadStruct): void {
    let unionIsRead = false;
    for (const field of this.#planOf(struct)) {
      if (field.unionTag === undefined) this.#value(field.kind, field, at(value, field.path));
      else if (!unionIsRead) {
        unionIsRead = true;
        const which = value['which'] as number;
        const arm = this.#planOf(struct).find(({ unionTag }) => unionTag === which);
        this.#number(arm === undefined ? NO_ARM : which);
        if (arm !== undefined) this.#value(arm.kind, arm, at(value, arm.path));
      }
    }
  }

  #value(kind: Kind, field: PlannedField, value: ReadValue): void {
    switch (kind) {
      case 'void':
        return;
      case 'number':
        return this.#number(value as number | bigint);
      case 'double':
        return this.#double(Number(value));
      case 'text':
        return this.#blob(utf8.encode(value as string));
      case 'data':
        return this.#blob(value as Uint8Array);
      case 'struct':
        return this.#struct(field.struct, value as ReadStruct);
      case 'list': {
        const elements = value as readonly ReadValue[];
        this.#number(elements.length);
        for (const element of elements) this.#value(field.element, field, element);
      }
    }
  }

  #blob(bytes: Uint8Array): void {
    this.#number(bytes.length);
    for (const byte of bytes) this.#byte(byte);
  }

  #number(value: number | bigint): void {
    if (typeof value === 'bigint') {
      this.#word(Number(value & 0xffff_ffffn));
      this.#word(Number(value >> 32n));
    } else {
      this.#word(value >>> 0);
      this.#word(Math.floor(value / 0x1_0000_0000));
    }
  }

  #double(value: number): void {
    const words = new Uint32Array(Float64Array.of(value).buffer);
    this.#word(words[0]!);
    this.#word(words[1]!);
  }

  #word(word: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#byte((word >>> shift) & 255);
  }

  #byte(byte: number): void {
    this.#low = Math.imul(this.#low ^ byte, 0x01000193);
    this.#high = Math.imul(this.#high ^ byte, 0x5bd1e995);
  }

  #planOf(struct: string): readonly PlannedField[] {
    const known = this.#plans.get(struct);
    if (known !== undefined) return known;
    const fields = [...structOf(this.#layout, struct).fields.values()].map(({ name, type, unionTag }) => {
      const element = /^List\((\w+)\)$/.exec(type)?.[1];
      return {
        path: name.split('.'),
        kind: element === undefined ? this.#kindOf(struct, type) : 'list',
        unionTag,
        struct: resolveType(this.#layout, struct, element ?? type) ?? '',
        element: element === undefined ? 'void' : this.#kindOf(struct, element),
      } as const;
    });
    this.#plans.set(struct, fields);
    return fields;
  }

  #kindOf(struct: string, type: string): Kind {
    if (type === 'Text') return 'text';
    if (type === 'Data') return 'data';
    if (type === 'Void') return 'void';
    if (struct === 'HealthReport' && type === 'UInt64') return 'double';
    return this.#layout.structs.has(resolveType(this.#layout, struct, type) ?? '') ? 'struct' : 'number';
  }
}

function at(value: ReadStruct, path: readonly string[]): ReadValue {
  let found: ReadValue = value;
  for (const name of path) found = (found as ReadStruct)[name] ?? null;
  return found;
}
