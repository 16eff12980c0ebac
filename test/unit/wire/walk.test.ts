import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { checkAllPointers } from '../../../src/wire/capnp/walk.ts';
import { buildMessage, readLayout } from '../../support/layout.ts';
import {
  bytesPointer,
  byteWords,
  CAPABILITY,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  type Word,
} from '../../support/wire-words.ts';

const check = (bytes: Uint8Array): void => checkAllPointers(bytes, DEFAULT_WIRE_LIMITS);

/** Structs of one pointer each, one within the other. */
function nested(depth: number): Uint8Array {
  const inner = Array.from({ length: depth - 1 }, (): Word => structPointer(0, 0, 1));
  return message([structPointer(0, 0, 1), ...inner, NULL]);
}

test('a message of any schema is sound: structs, lists of each kind, far pointers', () => {
  const context = { method: 'a', metadata: [{ key: 'k', value: 'v' }] };
  check(buildMessage(readLayout(), 'HandleRequest', { context, body: Uint8Array.of(1, 2, 3) }));
  for (const kind of [0, 1, 2, 3, 4, 5])
    check(
      message([
        structPointer(0, 0, 1),
        listPointer(0, kind, 8),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
      ]),
    );
  const texts = [listPointer(0, 6, 2), bytesPointer(1, 2), NULL, ...byteWords([0x61, 0])];
  check(message([structPointer(0, 0, 1), ...texts]));
  check(message([farPointer(1, 0)], [structPointer(0, 0, 1), bytesPointer(0, 1), NULL]));
  check(nested(64));
});

const broken: Readonly<Record<string, [MalformedKind, Uint8Array]>> = {
  'a text outside of its segment': [
    'list-bounds',
    message([structPointer(0, 0, 1), bytesPointer(0, 9), NULL]),
  ],
  'a struct in a list that leads outside': [
    'segment-bounds',
    message([structPointer(0, 0, 1), listPointer(0, 7, 2), tag(2, 0, 1), NULL, structPointer(5, 1, 0)]),
  ],
  'a pointer in a list of pointers that leads outside': [
    'list-bounds',
    message([structPointer(0, 0, 1), listPointer(0, 6, 2), NULL, bytesPointer(9, 9)]),
  ],
  'a capability': ['pointer-kind', message([structPointer(0, 0, 1), CAPABILITY])],
  'a struct that contains itself': ['nesting', message([structPointer(0, 0, 1), structPointer(-1, 0, 1)])],
  '65 structs within each other': ['nesting', nested(65)],
  'a segment that is not there': ['far-pointer', message([structPointer(0, 0, 1), farPointer(7, 0)])],
  'more elements of no size than the limit': [
    'traversal',
    message([structPointer(0, 0, 1), listPointer(0, 7, 0), tag(1 << 24, 0, 0)]),
  ],
};

for (const [what, [kind, bytes]] of Object.entries(broken)) {
  test(`${what} is found, wherever the pointer to it lies`, () => {
    assert.throws(
      () => check(bytes),
      (error: unknown) => error instanceof MalformedError && error.what === kind,
    );
  });
}

test('pointers that share a target count it each time', () => {
  // 1,000 pointers to one list of 8,192 bytes: 1,024 words each.
  const pointers = Array.from({ length: 1_000 }, (_, index): Word => bytesPointer(999 - index, 8_192));
  const shared = message([
    structPointer(0, 0, 1),
    listPointer(0, 6, 1_000),
    ...pointers,
    ...byteWords(Array<number>(8_192).fill(7)),
  ]);
  check(shared);
  const limits = { ...DEFAULT_WIRE_LIMITS, maxTraversalWords: 1_000_000 };
  assert.throws(() => checkAllPointers(shared, limits), /limit allows/);
});
