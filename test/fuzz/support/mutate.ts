import type { Dice } from './generate.ts';

/** The largest message that a mutation makes, in bytes. */
const MAX_BYTES = 1 << 18;

/** A message that somebody has damaged: one to four changes to `message`, each made to reach another check of a reader. */
export function mutate(dice: Dice, message: Uint8Array, other: Uint8Array): Uint8Array {
  let changed = new Uint8Array(message);
  for (let left = dice.below(4); left >= 0; left -= 1)
    changed = new Uint8Array(dice.pick(CHANGES)(dice, changed, other));
  return changed.length > MAX_BYTES ? changed.subarray(0, MAX_BYTES) : changed;
}

type Change = (dice: Dice, message: Uint8Array, other: Uint8Array) => Uint8Array;

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setWord,
  setWord,
  setPointer,
  setPointer,
  nudgePointer,
  nudgePointer,
  nudgePointer,
  copyWord,
  makeFar,
  makeFar,
  aliasText,
  moveSegmentEnd,
  changeTable,
  cut,
  extend,
  splice,
  breakText,
];

function flipBit(dice: Dice, message: Uint8Array): Uint8Array {
  if (message.length > 0) message[dice.below(message.length)]! ^= 1 << dice.below(8);
  return message;
}

function setByte(dice: Dice, message: Uint8Array): Uint8Array {
  if (message.length > 0) message[dice.below(message.length)] = dice.pick([0, 1, 2, 3, 7, 8, 127, 128, 255]);
  return message;
}

/** The halves of a word as the ends of every range. */
function setWord(dice: Dice, message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  const at = aWord(dice, message);
  const ends = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x2000_0000, 0x1fff_ffff, dice.below(2 ** 32)];
  if (at >= 0) view.setUint32(at + (dice.oneIn(2) ? 4 : 0), dice.pick(ends), true);
  return message;
}

/** A pointer of any kind where there was something else. */
function setPointer(dice: Dice, message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  const at = aWord(dice, message);
  if (at < 0) return message;
  const offset = dice.oneIn(4) ? dice.below(2 ** 30) : dice.below(64) - 32;
  const count = dice.oneIn(4) ? dice.below(2 ** 29) : dice.below(64);
  const [low, high] = dice.pick<() => readonly [number, number]>([
    () => [offset << 2, dice.below(5) | (dice.below(9) << 16)],
    () => [(offset << 2) | 1, (count << 3) | dice.below(8)],
    () => [(offset << 2) | 1, (count << 3) | 7],
    () => [(Math.abs(offset) << 3) | 2 | (dice.below(2) << 2), dice.below(6)],
    () => [3, dice.below(4)],
  ])();
  view.setUint32(at, low >>> 0, true);
  view.setUint32(at + 4, high >>> 0, true);
  return message;
}

/** A pointer's offset or count, or a section's size, one more or one less. */
function nudgePointer(dice: Dice, message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  const at = aWord(dice, message);
  if (at < 0) return message;
  const step = dice.pick([-1, 1]) * dice.pick([1, 1, 2, 8]);
  const [half, unit] = dice.pick([
    [0, 4],
    [0, 8],
    [4, 1],
    [4, 8],
    [4, 65_536],
  ] as const);
  view.setUint32(at + half, (view.getUint32(at + half, true) + step * unit) >>> 0, true);
  return message;
}

function copyWord(dice: Dice, message: Uint8Array): Uint8Array {
  const from = aWord(dice, message);
  const to = aWord(dice, message);
  if (from >= 0) message.copyWithin(to, from, from + 8);
  return message;
}

/** Turns a near pointer into a double-far one, with its pad in a new segment: where it was a pointer, the message says the same. */
function makeFar(dice: Dice, message: Uint8Array): Uint8Array {
  const segments = segmentsOf(message);
  if (segments === undefined || segments.length > 500) return message;
  const id = dice.below(segments.length);
  const segment = segments[id]!;
  const at = aWord(dice, segment, 0);
  if (at < 0) return message;
  const view = viewOf(segment);
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if ((low & 3) > 1 || (low === 0 && high === 0)) return message;
  const target = at / 8 + 1 + ((low | 0) >> 2);
  const pad = Uint32Array.of((target << 3) | 2, id, low & 3, high);
  view.setUint32(at, 6, true);
  view.setUint32(at + 4, segments.length, true);
  return framed([...segments, new Uint8Array(pad.buffer)]);
}

/** Two pointers to the same object, and maybe many. */
function aliasText(dice: Dice, message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  const at = aWord(dice, message);
  for (let i = 1; at >= 0 && i <= dice.below(8) && at + i * 8 + 8 <= message.length; i += 1) {
    view.setUint32(at + i * 8, (view.getUint32(at, true) - i * 4) >>> 0, true);
    view.setUint32(at + i * 8 + 4, view.getUint32(at + 4, true), true);
  }
  return message;
}

/** Words from one segment to its neighbour, or out of the message. */
function moveSegmentEnd(dice: Dice, message: Uint8Array): Uint8Array {
  const segments = segmentsOf(message);
  if (segments === undefined) return message;
  const view = viewOf(message);
  const id = dice.below(segments.length);
  const step = dice.pick([-2, -1, 1, 2]);
  const move = (at: number, by: number): void =>
    view.setUint32(at, (view.getUint32(at, true) + by) >>> 0, true);
  move(4 + id * 4, step);
  if (id + 1 < segments.length && !dice.oneIn(3)) move(8 + id * 4, -step);
  return message;
}

/** The same content under another count of segments. */
function changeTable(dice: Dice, message: Uint8Array): Uint8Array {
  const segments = segmentsOf(message);
  if (segments === undefined || segments.length > 500) return message;
  const id = dice.below(segments.length);
  const segment = segments[id]!;
  const middle = dice.below(segment.length / 8 + 1) * 8;
  const parts = [segment.subarray(0, middle), segment.subarray(middle)];
  return framed([...segments.slice(0, id), ...parts, ...segments.slice(id + 1)]);
}

function cut(dice: Dice, message: Uint8Array): Uint8Array {
  const length = dice.below(message.length + 1);
  return message.subarray(0, dice.oneIn(4) ? length : length & ~7);
}

function extend(dice: Dice, message: Uint8Array): Uint8Array {
  const longer = new Uint8Array(message.length + (dice.oneIn(4) ? dice.below(9) : dice.below(9) * 8));
  longer.set(message);
  // As a rule the first segment's size goes along, so that the new words are part of it.
  if (message.length >= 16 && !dice.oneIn(3)) {
    const view = viewOf(longer);
    view.setUint32(4, view.getUint32(4, true) + (longer.length - message.length) / 8, true);
  }
  return longer;
}

/** The beginning of one message and the end of another. */
function splice(dice: Dice, message: Uint8Array, other: Uint8Array): Uint8Array {
  const at = dice.below(Math.min(message.length, other.length) / 8 + 1) * 8;
  const both = new Uint8Array(at + other.length - at);
  both.set(message.subarray(0, at));
  both.set(other.subarray(at), at);
  return both;
}

/** Bytes that no UTF-8 has, or a NUL where there was none. */
function breakText(dice: Dice, message: Uint8Array): Uint8Array {
  const at = dice.below(message.length + 1);
  message.set(
    dice
      .pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0]])
      .slice(0, message.length - at),
    at,
  );
  return message;
}

/** The segments of a message, as copies; `undefined` where its table can't be believed. */
function segmentsOf(message: Uint8Array): Uint8Array[] | undefined {
  if (message.length < 8) return undefined;
  const view = viewOf(message);
  const count = view.getUint32(0, true) + 1;
  const table = Math.ceil((4 + count * 4) / 8) * 8;
  if (count > 512 || table > message.length) return undefined;
  let at = table;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    at = Math.min(message.length, start + view.getUint32(4 + i * 4, true) * 8);
    return message.slice(start, at);
  });
}

function framed(segments: readonly Uint8Array[]): Uint8Array {
  const table = Math.ceil((4 + segments.length * 4) / 8) * 8;
  const out = new Uint8Array(segments.reduce((sum, { length }) => sum + Math.ceil(length / 8) * 8, table));
  const view = viewOf(out);
  view.setUint32(0, segments.length - 1, true);
  let at = table;
  segments.forEach((segment, i) => {
    view.setUint32(4 + i * 4, Math.ceil(segment.length / 8), true);
    out.set(segment, at);
    at += Math.ceil(segment.length / 8) * 8;
  });
  return out;
}

/** The offset of some word behind the first of the table; -1: there is none. */
function aWord(dice: Dice, bytes: Uint8Array, first = 1): number {
  const words = Math.floor(bytes.length / 8);
  return words <= first ? -1 : (first + dice.below(words - first)) * 8;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
