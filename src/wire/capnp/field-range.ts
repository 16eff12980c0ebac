// Numbers from callers, checked before they are written: a field would wrap them silently.

const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 2n ** 64n - 1n;

/** @throws RangeError unless `value` is an integer that a UInt16 holds */
export function checkUint16(value: number, field: string): number {
  return check(value, UINT16_MAX, field);
}

/** @throws RangeError unless `value` is an integer that a UInt32 holds */
export function checkUint32(value: number, field: string): number {
  return check(value, UINT32_MAX, field);
}

/** For a UInt64 field. @throws RangeError unless `value` is an integer up to 2^53 - 1: above it would not be the one that was meant */
export function checkCounter(value: number, field: string): number {
  return check(value, Number.MAX_SAFE_INTEGER, field);
}

/** @throws RangeError unless a UInt64 holds `value` */
export function checkUint64(value: bigint, field: string): bigint {
  if (value >= 0n && value <= UINT64_MAX) return value;
  throw new RangeError(`${field}: ${value} is not an integer from 0 to ${UINT64_MAX}`);
}

function check(value: number, max: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${field}: ${value} is not an integer from 0 to ${max}`);
}
