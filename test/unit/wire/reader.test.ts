import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readContextHead, readInvocationContext } from '../../../src/wire/context.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { MessageReader, type StructReader } from '../../../src/wire/capnp/reader.ts';
import { VECTORS } from './wire-vectors.ts';
import {
  byteWords,
  bytesPointer,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  textWords,
  type Word,
} from '../../support/wire-words.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../../src/wire/capnp/limits.ts';

function rootOf(bytes: Uint8Array, limits: Partial<WireLimits> = {}): StructReader {
  const reader = new MessageReader({ ...DEFAULT_WIRE_LIMITS, ...limits });
  reader.open(bytes, 0, bytes.length);
  return reader.root();
}

function refuses(what: MalformedKind, read: () => unknown): MalformedError {
  let thrown: unknown;
  try {
    read();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof MalformedError, `nothing was refused, or by ${String(thrown)}`);
  assert.equal(thrown.what, what, thrown.message);
  return thrown;
}

for (const vector of VECTORS) {
  const verdict = vector.expect === 'accepted' ? 'is read' : `is refused as ${vector.expect}`;
  test(`${vector.name} ${verdict}`, () => {
    const readAll = (): void => {
      const root = rootOf(vector.bytes);
      if (vector.root === 'InvocationContext') {
        readInvocationContext(root);
      } else {
        root.text(0);
        root.data(1);
      }
    };
    if (vector.expect === 'accepted') readAll();
    else refuses(vector.expect, readAll);
  });
}

test('every far route to the same text reads the same text', () => {
  const routes = [
    message([structPointer(0, 0, 1), bytesPointer(0, 4), ...textWords('abc')]),
    message([structPointer(0, 0, 1), farPointer(1, 1)], [NULL, bytesPointer(0, 4), ...textWords('abc')]),
    message(
      [structPointer(0, 0, 1), farPointer(1, 0, true)],
      [farPointer(2, 1), bytesPointer(0, 4)],
      [NULL, ...textWords('abc')],
    ),
  ];
  for (const route of routes) assert.equal(rootOf(route).text(0), 'abc');
});

test('numbers are little-endian, and what a short data section does not hold is 0', () => {
  const root = rootOf(
    message([structPointer(0, 2, 0), [0x0403_0201, 0x8807_0605], [0xffff_ffff, 0xffff_ffff]]),
  );
  assert.equal(root.uint16(2), 0x0403);
  assert.equal(root.uint32(4), 0x8807_0605);
  assert.equal(root.uint64(0), 0x8807_0605_0403_0201n);
  assert.equal(root.uint64(8), 0xffff_ffff_ffff_ffffn);
  assert.equal(root.uint64AsNumber(8), 2 ** 64);
  assert.equal(root.uint16(16), 0);
  assert.equal(root.uint32(16), 0);
  assert.equal(root.uint64(16), 0n);
  assert.equal(root.uint64AsNumber(16), 0);
});

test('numbers of 53 bits are exact', () => {
  const root = rootOf(message([structPointer(0, 1, 0), [0xffff_ffff, 0x001f_ffff]]));
  assert.equal(root.uint64AsNumber(0), Number.MAX_SAFE_INTEGER);
});

test('pointers that a short pointer section does not hold read as their defaults', () => {
  const root = rootOf(message([structPointer(0, 1, 0), [1, 0]]));
  assert.equal(root.has(0), false);
  assert.equal(root.text(0), '');
  assert.equal(root.data(0).length, 0);
  assert.equal(root.struct(0).uint32(0), 0);
  assert.equal(root.struct(0).struct(5).text(0), '');
  assert.equal(root.structList(0).length, 0);
  assert.deepEqual(root.textList(0), []);
});

test('text keeps a byte order mark and a NUL in its middle', () => {
  const text = '\ufeffa\0b';
  const root = rootOf(message([structPointer(0, 0, 1), bytesPointer(0, 7), ...textWords(text)]));
  assert.equal(root.text(0), text);
});

test('data is a view on the message, not a copy', () => {
  const bytes = message([structPointer(0, 0, 1), bytesPointer(0, 3), ...byteWords([1, 2, 3])]);
  const data = rootOf(bytes).data(0);
  assert.deepEqual([...data], [1, 2, 3]);
  assert.equal(data.buffer, bytes.buffer);
});

test('data out of a Node Buffer is a plain view, whose slice is a copy', () => {
  const bytes = Buffer.from(message([structPointer(0, 0, 1), bytesPointer(0, 3), ...byteWords([1, 2, 3])]));
  const data = rootOf(bytes).data(0);
  assert.equal(Object.getPrototypeOf(data), Uint8Array.prototype);
  assert.equal(data.buffer, bytes.buffer);
  const copy = data.slice();
  bytes.fill(0);
  assert.deepEqual([...copy], [1, 2, 3]);
});

test('a message in the middle of a larger buffer is read within its own bounds', () => {
  const inner = message([structPointer(0, 0, 1), bytesPointer(0, 9), ...textWords('abcdefgh')]);
  const outer = new Uint8Array(inner.length + 64).fill(0xff);
  outer.set(inner, 24);
  const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
  reader.open(outer, 24, 24 + inner.length);
  assert.equal(reader.root().text(0), 'abcdefgh');
});

test('a message has to end where its segment table says', () => {
  const bytes = message([structPointer(0, 0, 0)]);
  const longer = new Uint8Array([...bytes, 0, 0, 0, 0, 0, 0, 0, 0]);
  refuses('trailing-bytes', () => rootOf(longer));
  refuses('trailing-bytes', () => rootOf(longer.subarray(0, 17)));
  refuses('segment-bounds', () => rootOf(bytes.subarray(0, 15)));
  refuses('segment-bounds', () => rootOf(bytes.subarray(0, 8)));
  refuses('framing', () => rootOf(bytes.subarray(0, 7)));
  refuses('framing', () => rootOf(bytes.subarray(0, 0)));
  const two = message([farPointer(1, 0)], [NULL]);
  refuses('trailing-bytes', () => rootOf(new Uint8Array([...two, 0])));
  refuses('segment-bounds', () => rootOf(two.subarray(0, two.length - 8)));
  refuses('framing', () => rootOf(two.subarray(0, 8)));
});

test('511 segments are read and 512 are not', () => {
  const segments = (count: number): Word[][] => [
    [farPointer(count - 1, 0)],
    ...Array.from({ length: count - 2 }, (): Word[] => []),
    [structPointer(0, 1, 0), [42, 0]],
  ];
  assert.equal(rootOf(message(...segments(511))).uint32(0), 42);
  refuses('segment-count', () => rootOf(message(...segments(512))));
  refuses('segment-count', () => rootOf(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])));
});

test('sizes of 2^32-1 words do not wrap', () => {
  const huge = message([NULL]);
  huge.fill(0xff, 4, 8);
  refuses('segment-bounds', () => rootOf(huge));
  // 2^29 words are 2^32 bytes: 0 in 32 bits.
  const wrapping = message([], []);
  new DataView(wrapping.buffer).setUint32(4, 0x2000_0000, true);
  refuses('segment-bounds', () => rootOf(wrapping));
});

test('64 structs within each other are read and the 65th is refused', () => {
  const chain = (length: number): Uint8Array =>
    message([...Array<Word>(length).fill(structPointer(0, 0, 1)), structPointer(-1, 0, 0)]);
  const descend = (bytes: Uint8Array): void => {
    let at = rootOf(bytes);
    while (at.has(0)) at = at.struct(0);
  };
  descend(chain(63));
  refuses('nesting', () => descend(chain(64)));
});

test('a struct that holds itself is refused at the nesting limit', () => {
  const bytes = message([structPointer(0, 0, 1), structPointer(-1, 0, 1)]);
  let depth = 0;
  refuses('nesting', () => {
    for (let at = rootOf(bytes); ; at = at.struct(0)) depth += 1;
  });
  assert.equal(depth, 64);
});

test('a list and its elements take a level each', () => {
  const bytes = message([structPointer(0, 0, 1), listPointer(0, 7, 1), tag(1, 0, 1), NULL]);
  assert.equal(rootOf(bytes, { maxNesting: 3 }).structList(0).at(0).text(0), '');
  refuses('nesting', () => rootOf(bytes, { maxNesting: 2 }).structList(0).at(0));
  refuses('nesting', () => rootOf(bytes, { maxNesting: 1 }).structList(0));
});

test('the traversal limit counts the root pointer, pads, tags and objects, each time they are read', () => {
  // 1 root pointer, 1 pad, 2 root struct, 2 text.
  const bytes = message(
    [farPointer(1, 0)],
    [structPointer(0, 0, 2), bytesPointer(1, 9), NULL, ...textWords('12345678')],
  );
  assert.equal(rootOf(bytes, { maxTraversalWords: 6 }).text(0), '12345678');
  refuses('traversal', () => rootOf(bytes, { maxTraversalWords: 5 }).text(0));
  const twice = rootOf(bytes, { maxTraversalWords: 7 });
  twice.text(0);
  refuses('traversal', () => twice.text(0));
  refuses('traversal', () => rootOf(bytes, { maxTraversalWords: 0 }));
  refuses('traversal', () => rootOf(bytes, { maxTraversalWords: 1 }));
});

test('a message of one segment has no second one, whatever was read before it', () => {
  const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
  const two = message([farPointer(1, 0)], [structPointer(0, 1, 0), NULL]);
  const one = message([farPointer(1, 0), structPointer(0, 1, 0), NULL, NULL]);
  reader.open(two, 0, two.length);
  reader.root();
  reader.open(one, 0, one.length);
  refuses('far-pointer', () => reader.root());
});

test('each message has the whole traversal limit', () => {
  const bytes = message([structPointer(0, 0, 1), bytesPointer(0, 9), ...textWords('12345678')]);
  const reader = new MessageReader({ ...DEFAULT_WIRE_LIMITS, maxTraversalWords: 5 });
  for (let i = 0; i < 10; i += 1) {
    reader.open(bytes, 0, bytes.length);
    assert.equal(reader.root().text(0), '12345678');
  }
});

test('elements of no size are charged as a word each', () => {
  const limit = { maxTraversalWords: 1_000 };
  const voids = (count: number): Uint8Array => message([structPointer(0, 0, 1), listPointer(0, 0, count)]);
  // 1 root pointer, 1 root struct.
  assert.equal(rootOf(voids(998), limit).structList(0).length, 998);
  refuses('traversal', () => rootOf(voids(999), limit).structList(0));
  const empty = (count: number): Uint8Array =>
    message([structPointer(0, 0, 1), listPointer(0, 7, 0), tag(count, 0, 0)]);
  // And the tag.
  assert.equal(rootOf(empty(997), limit).structList(0).length, 997);
  refuses('traversal', () => rootOf(empty(998), limit).structList(0));
  refuses('traversal', () => rootOf(empty(0x1fff_ffff)).structList(0));
  refuses('traversal', () => rootOf(voids(0x1fff_ffff)).structList(0));
});

test('a list of texts is read from pointers, or from the first pointer of structs', () => {
  const pointers = message([
    structPointer(0, 0, 1),
    listPointer(0, 6, 3),
    bytesPointer(2, 2),
    NULL,
    bytesPointer(1, 3),
    ...textWords('a'),
    ...textWords('bc'),
  ]);
  assert.deepEqual(rootOf(pointers).textList(0), ['a', '', 'bc']);
  const structs = message([
    structPointer(0, 0, 1),
    listPointer(0, 7, 2),
    tag(1, 1, 1),
    [9, 9],
    bytesPointer(0, 2),
    ...textWords('a'),
  ]);
  assert.deepEqual(rootOf(structs).textList(0), ['a']);
});

test('a list of texts is refused where the elements hold no pointers', () => {
  refuses('list-kind', () =>
    rootOf(message([structPointer(0, 0, 1), listPointer(0, 2, 1), NULL])).textList(0),
  );
  refuses('list-kind', () =>
    rootOf(message([structPointer(0, 0, 1), listPointer(0, 1, 1), NULL])).textList(0),
  );
  refuses('list-kind', () => rootOf(message([structPointer(0, 0, 1), listPointer(0, 0, 0)])).textList(0));
  refuses('list-kind', () =>
    rootOf(message([structPointer(0, 0, 1), listPointer(0, 7, 1), tag(1, 1, 0), NULL])).textList(0),
  );
});

test('numbers read as structs hold their own bytes and nothing of their neighbours', () => {
  const list = rootOf(
    message([structPointer(0, 0, 1), listPointer(0, 3, 3), [0x0002_0001, 0xffff_0003]]),
  ).structList(0);
  assert.equal(list.length, 3);
  assert.deepEqual(
    [0, 1, 2].map((i) => list.at(i).uint16(0)),
    [1, 2, 3],
  );
  assert.equal(list.at(2).uint32(0), 0);
  assert.equal(list.at(0).text(0), '');
});

test('an element outside a list is a mistake of the caller', () => {
  const list = rootOf(message([structPointer(0, 0, 1), listPointer(0, 5, 1), NULL])).structList(0);
  for (const index of [-1, 1, Number.NaN]) assert.throws(() => list.at(index), RangeError);
});

test('a list of texts that one text is pointed to for again and again ends at its bound', () => {
  // 2,000 pointers to the same 8,000 bytes: 16 MB of strings out of 24 KB.
  const pointers = Array.from({ length: 2_000 }, (_, i) => bytesPointer(1_999 - i, 8_000));
  const root = rootOf(
    message([
      structPointer(0, 0, 1),
      listPointer(0, 6, 2_000),
      ...pointers,
      ...Array<Word>(1_000).fill(NULL),
    ]),
  );
  refuses('traversal', () => root.textList(0, 'texts', 100_000));
  assert.equal(root.textList(0, 'texts', 7_999 * 2_000).length, 2_000);
});

test('the count in a list tag has 29 bits: the reference reads the next one as nothing, and so does ours', () => {
  const listOf = (count: number): Uint8Array =>
    message([structPointer(0, 0, 1), listPointer(0, 7, 2), [count * 4, 2 << 16], NULL, NULL]);
  assert.equal(rootOf(listOf(0x2000_0000)).structList(0).length, 0);
  assert.equal(rootOf(listOf(0x2000_0001)).structList(0).length, 1);
  refuses('list-bounds', () => rootOf(listOf(0x1fff_ffff)).structList(0));
});

test('what is only looked at is not charged, and what is read afterwards is', () => {
  // 1 root pointer, 1 root struct, 2 text.
  const bytes = message([structPointer(0, 0, 1), bytesPointer(0, 9), ...textWords('12345678')]);
  const root = rootOf(bytes, { maxTraversalWords: 4 });
  assert.equal(
    root.withoutCharge(() => root.checkText(0, 'text', Infinity)),
    16,
  );
  assert.equal(root.text(0), '12345678');
  refuses('traversal', () => root.text(0));
});

test('a breach names its segment, word and field', () => {
  const bytes = message([structPointer(0, 0, 1), farPointer(1, 0)], [bytesPointer(0, 9), NULL]);
  const error = refuses('list-bounds', () => rootOf(bytes).text(0, 'Open.method'));
  assert.equal(error.where, 'segment 1, word 1, Open.method');
  assert.match(error.message, /list-bounds.*segment 1, word 1, Open\.method/);
});

test('no byte string makes the reader throw anything but MalformedError', () => {
  // Park-Miller: the same strings every run.
  let seed = 20_240_601;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  const accepted = VECTORS.filter(
    (vector) => vector.expect === 'accepted' && vector.root === 'InvocationContext',
  );
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = accepted[random(accepted.length)]!.bytes.slice();
    for (let i = random(4); i >= 0; i -= 1) bytes[random(bytes.length)] = random(256);
    try {
      const root = rootOf(bytes, { maxTraversalWords: 4_096 });
      readContextHead(rootOf(bytes, { maxTraversalWords: 4_096 }), 100);
      readInvocationContext(root);
      root.textList(6);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
    }
  }
});
