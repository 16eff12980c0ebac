import vm from 'node:vm';

/** A class of a module's own whose every property lies. */
class Liar extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    throw new Error('the species was asked');
  }

  override get length(): number {
    throw new Error('the length was asked');
  }

  override get byteLength(): number {
    return 1;
  }

  override get byteOffset(): number {
    return 7;
  }

  override subarray(): never {
    throw new Error('subarray was called');
  }

  override slice(): never {
    throw new Error('slice was called');
  }
}

function inAnotherRealm(source: string): unknown {
  return vm.runInNewContext(source);
}

function embedded(numbers: readonly number[]): ArrayBuffer {
  const buffer = new ArrayBuffer(numbers.length + 16);
  new Uint8Array(buffer).fill(0xee).set(numbers, 8);
  return buffer;
}

/** What else holds bytes, beside a plain Uint8Array of this realm: each made of the numbers that it is to hold. */
export const OTHER_BYTES: Readonly<Record<string, (numbers: readonly number[]) => unknown>> = {
  'a Uint8Array of another realm': (numbers) => inAnotherRealm(`new Uint8Array([${numbers.join()}])`),
  'an ArrayBuffer of another realm': (numbers) =>
    inAnotherRealm(`new Uint8Array([${numbers.join()}]).buffer`),
  'a part of another realm’s buffer': (numbers) =>
    inAnotherRealm(`new Uint8Array([9, 9, ${numbers.join()}, 9]).subarray(2, -1)`),
  'a DataView on a part': (numbers) => new DataView(embedded(numbers), 8, numbers.length),
  'a DataView of another realm': (numbers) =>
    inAnotherRealm(`new DataView(new Uint8Array([9, ${numbers.join()}]).buffer, 1)`),
  'an ArrayBuffer': (numbers) => Uint8Array.from(numbers).buffer,
  'a SharedArrayBuffer': (numbers) => {
    const shared = new SharedArrayBuffer(numbers.length);
    new Uint8Array(shared).set(numbers);
    return shared;
  },
  'a Uint8ClampedArray': (numbers) => Uint8ClampedArray.from(numbers),
  'a Buffer': (numbers) => Buffer.from([0, ...numbers]).subarray(1),
  'a class whose properties lie': (numbers) => new Liar(Uint8Array.from(numbers)),
};
