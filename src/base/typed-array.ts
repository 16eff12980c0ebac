// What the language itself says of an object's bytes, whatever the object, its class or its realm say. Taken before a module can
// change it.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const lengthOf = getterOf<number>(typedArray, 'length');
const offsetOf = getterOf<number>(typedArray, 'byteOffset');
const bufferOf = getterOf<ArrayBuffer>(typedArray, 'buffer');
/** `Uint8Array` and the like; `undefined` for what is no typed array. */
const kindOf = getterOf<string | undefined>(typedArray, Symbol.toStringTag);
const viewLengthOf = getterOf<number>(DataView.prototype, 'byteLength');
const viewOffsetOf = getterOf<number>(DataView.prototype, 'byteOffset');
const viewBufferOf = getterOf<ArrayBuffer>(DataView.prototype, 'buffer');
const BUFFER_LENGTHS = [ArrayBuffer.prototype, SharedArrayBuffer.prototype].map((prototype) =>
  getterOf<number>(prototype, 'byteLength'),
);

/** Typed arrays whose elements are bytes; of the others only their author knows in which order theirs are meant. */
const BYTE_ARRAYS: ReadonlySet<string> = new Set(['Uint8Array', 'Uint8ClampedArray', 'Int8Array']);

function getterOf<T>(prototype: object, name: PropertyKey): (this: unknown) => T {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name) as { get: (this: unknown) => T };
  return get;
}

/**
 * How many bytes a handler's chunk holds now: the number that goes into the frame's header must be the one that is copied, and
 * `chunk.length` may be a getter of the handler's own.
 *
 * @throws TypeError for what only looks like a Uint8Array, a Proxy of one say
 */
export function byteLength(chunk: Uint8Array): number {
  // 25 ns less than Reflect.apply: optimised, it is a plain load.
  return lengthOf.call(chunk);
}

/**
 * The bytes of `value`, as a plain Uint8Array on the same memory: a Uint8Array, Uint8ClampedArray, Int8Array, DataView, ArrayBuffer
 * or SharedArrayBuffer of whatever realm and class. Nothing of the object's own is asked or called.
 *
 * @returns `undefined` for what is none of these
 * @throws TypeError for one whose buffer was transferred
 */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    const kind = kindOf.call(value);
    if (kind === undefined)
      return new Uint8Array(viewBufferOf.call(value), viewOffsetOf.call(value), viewLengthOf.call(value));
    if (!BYTE_ARRAYS.has(kind)) return undefined;
    return new Uint8Array(bufferOf.call(value), offsetOf.call(value), lengthOf.call(value));
  }
  return isBuffer(value) ? new Uint8Array(value) : undefined;
}

/** The parts of a chunk of `length` bytes, each of `size` but the last: plain views, which `subarray` need not give. */
export function* partsOf(
  chunk: Uint8Array,
  length: number,
  size: number,
): Generator<Uint8Array, void, undefined> {
  const buffer = bufferOf.call(chunk);
  const start = offsetOf.call(chunk);
  for (let at = 0; at < length; at += size)
    yield new Uint8Array(buffer, start + at, Math.min(size, length - at));
}

/** What `value` is, for a person who gave it where bytes are expected. Never throws, whatever it is. */
export function kindName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  try {
    const { name } = value.constructor as { readonly name?: unknown };
    return typeof name === 'string' && name !== '' ? name.slice(0, 100) : 'an object';
  } catch {
    return 'an object';
  }
}

/** How to make bytes of what is none, for a person; empty where there is nothing to say. */
export function bytesAdvice(value: unknown): string {
  if (typeof value === 'string') return '; encode it: new TextEncoder().encode(text)';
  if (ArrayBuffer.isView(value))
    return '; its bytes are new Uint8Array(array.buffer, array.byteOffset, array.byteLength)';
  return '';
}

function isBuffer(value: unknown): value is ArrayBuffer {
  return BUFFER_LENGTHS.some((byteLengthOf) => {
    try {
      byteLengthOf.call(value);
      return true;
    } catch {
      // It has no such memory.
      return false;
    }
  });
}
