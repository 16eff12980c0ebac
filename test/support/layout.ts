import { readFileSync } from 'node:fs';

/**
 * The layout of the schemas as the `capnp` compiler sees it, read from the golden listing that `npm run sync-schemas` writes,
 * and a plain message builder that follows it. Tests hold the hand-written codec against both: no offset in here comes from
 * our own code.
 */

/** A field: where it lies, in bits of the data section or as an index into the pointer section. */
export interface FieldLayout {
  readonly name: string;
  /** As the listing spells it: `UInt32`, `List(Entry)`, `IpcError`. */
  readonly type: string;
  readonly bits: { readonly start: number; readonly end: number } | undefined;
  readonly pointer: number | undefined;
  readonly defaultValue: bigint;
  /** Of a union member: the discriminant that selects it. */
  readonly unionTag: number | undefined;
}

export interface StructLayout {
  readonly dataBytes: number;
  readonly pointerCount: number;
  /** In ordinal order. Fields of a group are named `group.field`. */
  readonly fields: Map<string, FieldLayout>;
  /** The first bit of the discriminant. */
  unionBit: number | undefined;
}

export interface Layout {
  /** By qualified name: `InvocationContext.Entry`. */
  readonly structs: Map<string, StructLayout>;
  /** The enumerants by number. */
  readonly enums: Map<string, string[]>;
  readonly constants: Map<string, bigint>;
}

/** What a field is given: an enum by the name of its enumerant, a struct or a group member by field names. */
export type FieldValue = string | number | bigint | Uint8Array | StructValue | readonly FieldValue[] | null;
export interface StructValue {
  readonly [field: string]: FieldValue;
}

const LINE = {
  open: /^(struct|enum) (\w+) @0x[0-9a-f]+ \{(?: {2}# (\d+) bytes, (\d+) ptrs)?$/,
  group: /^(\w+) :group \{$/,
  union: /^union \{ {2}# tag bits \[(\d+), \d+\)$/,
  constant: /^const (\w+) @0x[0-9a-f]+ :\w+ = (\d+);$/,
  enumerant: /^(\w+) @(\d+);$/,
  field: /^(\w+) @\d+ :(?:import "[^"]*"\.)?([^=;]+?)(?: = (\d+))?; {2}# (.*)$/,
  skip: /^(?:#.*|@0x[0-9a-f]+;|)$/,
};

/** Reads the golden listing. @throws Error for a line that it doesn't understand */
export function readLayout(): Layout {
  const text = readFileSync(new URL('../unit/golden/layout.txt', import.meta.url), 'utf8');
  const layout: Layout = { structs: new Map(), enums: new Map(), constants: new Map() };
  /** The blocks around the line: types by name, groups and unions as ''. */
  const blocks: string[] = [];
  let group = '';
  const scope = (): string => blocks.filter((name) => name !== '').join('.');
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    let match: RegExpExecArray | null;
    if (line === '}') {
      blocks.pop();
      group = '';
    } else if ((match = LINE.open.exec(line))) {
      blocks.push(match[2]!);
      if (match[1] === 'enum') layout.enums.set(scope(), []);
      else {
        const sizes = { dataBytes: Number(match[3]), pointerCount: Number(match[4]) };
        layout.structs.set(scope(), { ...sizes, fields: new Map(), unionBit: undefined });
      }
    } else if ((match = LINE.group.exec(line))) {
      blocks.push('');
      group = `${match[1]!}.`;
    } else if ((match = LINE.union.exec(line))) {
      structOf(layout, scope()).unionBit = Number(match[1]);
      blocks.push('');
    } else if ((match = LINE.constant.exec(line))) {
      layout.constants.set(match[1]!, BigInt(match[2]!));
    } else if ((match = LINE.enumerant.exec(line))) {
      layout.enums.get(scope())![Number(match[2])] = match[1]!;
    } else if ((match = LINE.field.exec(line))) {
      const [, name, type, defaultValue, place] = match;
      const bits = /bits\[(\d+), (\d+)\)/.exec(place!);
      const pointer = /ptr\[(\d+)\]/.exec(place!);
      const tag = /union tag = (\d+)/.exec(place!);
      structOf(layout, scope()).fields.set(group + name!, {
        name: group + name!,
        type: type!,
        bits: bits ? { start: Number(bits[1]), end: Number(bits[2]) } : undefined,
        pointer: pointer ? Number(pointer[1]) : undefined,
        defaultValue: BigInt(defaultValue ?? 0),
        unionTag: tag ? Number(tag[1]) : undefined,
      });
    } else if (!LINE.skip.test(line)) {
      throw new Error(`golden layout: don't understand the line '${line}'`);
    }
  }
  return layout;
}

/** @throws Error if the listing has no such struct or field */
export function structOf(layout: Layout, name: string): StructLayout {
  const found = layout.structs.get(name);
  if (found === undefined) throw new Error(`golden layout: no struct ${name}`);
  return found;
}

/** @throws Error if the listing has no such struct or field */
export function fieldOf(layout: Layout, struct: string, field: string): FieldLayout {
  const found = structOf(layout, struct).fields.get(field);
  if (found === undefined) throw new Error(`golden layout: no field ${struct}.${field}`);
  return found;
}

/** The qualified name of the struct or enum that a type name means inside `struct`; `undefined` for a built-in type. */
export function resolveType(layout: Layout, struct: string, type: string): string | undefined {
  return [`${struct}.${type}`, type].find((name) => layout.structs.has(name) || layout.enums.has(name));
}

/**
 * Builds a framed message of one segment, in the order in which the C++ builder would if the fields were set in ordinal order.
 * Fields that are not given stay null or default.
 */
export function buildMessage(layout: Layout, struct: string, value: StructValue): Uint8Array {
  return new Builder(layout).message(struct, value);
}

class Builder {
  readonly #layout: Layout;
  #words = new DataView(new ArrayBuffer(1 << 16));
  #length = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  message(struct: string, value: StructValue): Uint8Array {
    this.#allocate(2);
    this.#struct(8, struct, value);
    this.#words.setUint32(4, this.#length / 8 - 1, true);
    return new Uint8Array(this.#words.buffer, 0, this.#length).slice();
  }

  #allocate(words: number): number {
    const at = this.#length;
    this.#length += words * 8;
    if (this.#length > this.#words.byteLength) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(new Uint8Array(this.#words.buffer));
      this.#words = new DataView(larger.buffer);
    }
    return at;
  }

  #point(pointerAt: number, kind: 0 | 1, target: number, upper: number): void {
    this.#words.setUint32(pointerAt, (((target - pointerAt - 8) / 8) << 2) | kind, true);
    this.#words.setUint32(pointerAt + 4, upper, true);
  }

  #struct(pointerAt: number, name: string, value: StructValue): void {
    const { dataBytes, pointerCount } = structOf(this.#layout, name);
    const at = this.#allocate(dataBytes / 8 + pointerCount);
    this.#point(pointerAt, 0, at, (dataBytes / 8) | (pointerCount << 16));
    this.#fields(at, name, value);
  }

  #fields(at: number, struct: string, value: StructValue): void {
    const { dataBytes, unionBit } = structOf(this.#layout, struct);
    for (const [name, given] of Object.entries(value)) {
      const field = fieldOf(this.#layout, struct, name);
      if (field.unionTag !== undefined) this.#words.setUint16(at + unionBit! / 8, field.unionTag, true);
      if (field.bits !== undefined) this.#number(at, struct, field, given);
      else this.#pointer(at + dataBytes + field.pointer! * 8, struct, field.type, given);
    }
  }

  #number(at: number, struct: string, field: FieldLayout, given: FieldValue): void {
    const { start, end } = field.bits!;
    if (start === end) return;
    let number =
      typeof given === 'string' ? this.#enumerant(struct, field.type, given) : BigInt(given as number);
    number ^= field.defaultValue;
    const byteAt = at + start / 8;
    if (end - start === 1) this.#bit(at, start, number);
    else if (end - start === 16) this.#words.setUint16(byteAt, Number(number), true);
    else if (end - start === 32) this.#words.setUint32(byteAt, Number(number), true);
    else this.#words.setBigUint64(byteAt, number, true);
  }

  #bit(at: number, bit: number, value: bigint): void {
    const byteAt = at + (bit >> 3);
    const others = this.#words.getUint8(byteAt) & ~(1 << (bit & 7));
    this.#words.setUint8(byteAt, others | (Number(value) << (bit & 7)));
  }

  #enumerant(struct: string, type: string, name: string): bigint {
    const number = this.#layout.enums.get(resolveType(this.#layout, struct, type)!)!.indexOf(name);
    if (number < 0) throw new Error(`golden layout: ${type} has no enumerant ${name}`);
    return BigInt(number);
  }

  #pointer(pointerAt: number, struct: string, type: string, given: FieldValue): void {
    if (typeof given === 'string') this.#bytes(pointerAt, new TextEncoder().encode(`${given}\0`));
    else if (given instanceof Uint8Array) this.#bytes(pointerAt, given);
    else if (Array.isArray(given)) this.#list(pointerAt, struct, type, given as readonly FieldValue[]);
    else this.#struct(pointerAt, resolveType(this.#layout, struct, type)!, given as StructValue);
  }

  #bytes(pointerAt: number, bytes: Uint8Array): void {
    const at = this.#allocate(Math.ceil(bytes.length / 8));
    this.#point(pointerAt, 1, at, (bytes.length << 3) | 2);
    new Uint8Array(this.#words.buffer).set(bytes, at);
  }

  #list(pointerAt: number, struct: string, type: string, items: readonly FieldValue[]): void {
    const element = /^List\((\w+)\)$/.exec(type)![1]!;
    const name = resolveType(this.#layout, struct, element);
    if (name === undefined) {
      const at = this.#allocate(items.length);
      this.#point(pointerAt, 1, at, (items.length << 3) | 6);
      items.forEach((item, i) => this.#pointer(at + i * 8, struct, element, item));
      return;
    }
    const { dataBytes, pointerCount } = structOf(this.#layout, name);
    const words = dataBytes / 8 + pointerCount;
    const at = this.#allocate(1 + words * items.length);
    this.#point(pointerAt, 1, at, ((words * items.length) << 3) | 7);
    this.#words.setUint32(at, items.length << 2, true);
    this.#words.setUint32(at + 4, (dataBytes / 8) | (pointerCount << 16), true);
    items.forEach((item, i) => this.#fields(at + 8 + i * words * 8, name, item as StructValue));
  }
}
