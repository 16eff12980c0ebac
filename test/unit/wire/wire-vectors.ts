import type { MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import {
  byteWords,
  bytesPointer,
  CAPABILITY,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  textWords,
  type Word,
} from '../../support/wire-words.ts';

/** A hand-made message, and what a reader of `root` has to make of it. */
export interface Vector {
  readonly name: string;
  readonly root: 'IpcEnvelope' | 'InvocationContext';
  readonly bytes: Uint8Array;
  readonly expect: 'accepted' | MalformedKind;
  /** The C++ implementation takes it; ours refuses on purpose. */
  readonly stricter?: true;
}

const A = textWords('a');
/** Type streamFrame in the data section of an envelope. */
const TYPE: Word = [9, 0];
/** An envelope's data section and pointers for requestId "a" right behind, and one byte of payload after that. */
const BODY: readonly Word[] = [TYPE, bytesPointer(1, 2), bytesPointer(1, 1), ...A, [1, 0]];

function envelope(name: string, expect: Vector['expect'], ...segments: Word[][]): Vector {
  return { name, root: 'IpcEnvelope', bytes: message(...segments), expect };
}

/** A root of type streamFrame with these two pointers, and words behind. */
function fields(name: string, expect: Vector['expect'], id: Word, payload: Word, ...behind: Word[]): Vector {
  return envelope(name, expect, [structPointer(0, 1, 2), TYPE, id, payload, ...behind]);
}

/** An InvocationContext with this metadata pointer, and words behind: offset 0 of the pointer is the first of them. */
function metadata(name: string, expect: Vector['expect'], pointer: Word, ...behind: Word[]): Vector {
  const words = [structPointer(0, 1, 7), NULL, NULL, NULL, NULL, NULL, NULL, NULL, pointer, ...behind];
  return { name, root: 'InvocationContext', bytes: message(words), expect };
}

const entry = (toKey: number): Word[] => [bytesPointer(toKey, 2), NULL];

/** Each verdict is that of the C++ implementation (0.9.2, default options), but for those marked `stricter`. */
export const VECTORS: readonly Vector[] = [
  // Structs.
  envelope('a root with both fields', 'accepted', [structPointer(0, 1, 2), ...BODY]),
  envelope('a null root', 'accepted', [NULL]),
  envelope('an empty struct with offset -1', 'accepted', [structPointer(-1, 0, 0)]),
  envelope('an empty struct at a wild offset', 'accepted', [structPointer(1_000_000, 0, 0)]),
  envelope('a first segment without a word', 'segment-bounds', []),
  envelope('a root without a pointer section', 'accepted', [structPointer(0, 1, 0), TYPE]),
  envelope('a root with the fields of a newer schema', 'accepted', [
    structPointer(0, 2, 4),
    TYPE,
    [7, 7],
    bytesPointer(3, 2),
    bytesPointer(3, 1),
    structPointer(1_000, 9, 9),
    CAPABILITY,
    ...A,
    [1, 0],
  ]),
  envelope('a root that overlaps its own pointer', 'accepted', [structPointer(-1, 1, 0)]),
  envelope('a root that starts ahead of the segment', 'segment-bounds', [structPointer(-2, 1, 0)]),
  envelope('a root that ends with the segment', 'accepted', [
    structPointer(0, 1, 5),
    TYPE,
    ...Array<Word>(5).fill(NULL),
  ]),
  envelope('a root that ends one word behind the segment', 'segment-bounds', [
    structPointer(0, 1, 5),
    TYPE,
    ...Array<Word>(4).fill(NULL),
  ]),
  envelope('a root of the largest size in a small segment', 'segment-bounds', [
    structPointer(0, 65_535, 65_535),
    TYPE,
  ]),
  envelope('a root that is a list', 'pointer-kind', [listPointer(0, 2, 1), TYPE]),
  envelope('a root that is a capability', 'pointer-kind', [CAPABILITY, TYPE]),
  envelope('a struct with the largest positive offset', 'segment-bounds', [[0x7fff_fffc, 1], TYPE]),
  envelope('a struct with the largest negative offset', 'segment-bounds', [[0x8000_0000, 1], TYPE]),

  // Text and Data.
  envelope('text that lies ahead of its pointer', 'accepted', [
    structPointer(1, 1, 2),
    ...A,
    TYPE,
    bytesPointer(-3, 2),
    NULL,
  ]),
  fields('null text and null data', 'accepted', NULL, NULL),
  fields('text without a NUL', 'text-termination', bytesPointer(1, 1), NULL, ...A),
  fields('text of no bytes', 'text-termination', bytesPointer(1, 0), NULL, ...A),
  fields(
    'text whose NUL is in the next word',
    'accepted',
    bytesPointer(1, 9),
    NULL,
    ...textWords('12345678'),
  ),
  fields('text of 16-bit elements', 'list-kind', listPointer(1, 3, 1), NULL, ...A),
  fields('text of void elements', 'list-kind', listPointer(1, 0, 1), NULL, ...A),
  fields('text as a composite list', 'list-kind', listPointer(1, 7, 1), NULL, tag(1, 1, 0), NULL),
  fields('text behind a struct pointer', 'pointer-kind', structPointer(1, 1, 0), NULL, ...A),
  fields('text behind a capability', 'pointer-kind', CAPABILITY, NULL, ...A),
  fields('data behind a struct pointer', 'pointer-kind', NULL, structPointer(0, 1, 0), NULL),
  fields('data behind an empty struct', 'pointer-kind', NULL, structPointer(-1, 0, 0), NULL),
  fields('data of 64-bit elements', 'list-kind', NULL, listPointer(0, 5, 1), NULL),
  fields('data that ends with the segment', 'accepted', NULL, bytesPointer(0, 16), NULL, NULL),
  fields('data that ends one byte behind the segment', 'list-bounds', NULL, bytesPointer(0, 17), NULL, NULL),
  fields('data that starts one word too late', 'list-bounds', NULL, bytesPointer(1, 16), NULL, NULL),
  fields('data that starts ahead of the segment', 'list-bounds', NULL, bytesPointer(-5, 1), NULL),
  fields('data of the largest count', 'list-bounds', NULL, [1, 0xffff_fffa], NULL),
  fields('empty data at a wild offset', 'accepted', NULL, bytesPointer(-500, 0)),
  fields('empty data at the end', 'accepted', NULL, bytesPointer(0, 0)),
  {
    ...fields('text in Latin-1', 'text-utf8', bytesPointer(1, 2), NULL, ...byteWords([0xe4, 0])),
    stricter: true,
  },
  {
    ...fields(
      'a surrogate in UTF-8',
      'text-utf8',
      bytesPointer(1, 4),
      NULL,
      ...byteWords([0xed, 0xa0, 0x80, 0]),
    ),
    stricter: true,
  },
  {
    ...fields('an overlong NUL', 'text-utf8', bytesPointer(1, 3), NULL, ...byteWords([0xc0, 0x80, 0])),
    stricter: true,
  },

  // Far pointers.
  envelope('a far root', 'accepted', [farPointer(1, 0)], [structPointer(0, 1, 2), ...BODY]),
  envelope('a far root into its own segment', 'accepted', [
    farPointer(0, 1),
    structPointer(0, 1, 2),
    ...BODY,
  ]),
  envelope(
    'a far pad that points backwards',
    'accepted',
    [farPointer(1, 5)],
    [...BODY, structPointer(-6, 1, 2)],
  ),
  envelope('a far pad of zeroes is an empty struct', 'accepted', [farPointer(1, 0)], [NULL]),
  envelope(
    'far text with a pad of zeroes',
    'pointer-kind',
    [structPointer(0, 1, 2), TYPE, farPointer(1, 0), NULL],
    [NULL],
  ),
  envelope(
    'far text',
    'accepted',
    [structPointer(0, 1, 2), TYPE, farPointer(1, 0), NULL],
    [bytesPointer(0, 2), ...A],
  ),
  envelope(
    'far data that ends one word behind its segment',
    'list-bounds',
    [structPointer(0, 1, 2), TYPE, NULL, farPointer(1, 0)],
    [bytesPointer(0, 9), NULL],
  ),
  envelope(
    'data that runs on into the next segment',
    'list-bounds',
    [structPointer(0, 1, 2), TYPE, NULL, bytesPointer(0, 16), NULL],
    [NULL],
  ),
  envelope(
    'a struct that runs on into the next segment',
    'segment-bounds',
    [structPointer(0, 1, 2), TYPE, NULL],
    [NULL],
  ),
  envelope(
    'a far pointer to no segment',
    'far-pointer',
    [farPointer(2, 0)],
    [structPointer(0, 1, 2), ...BODY],
  ),
  envelope('a far pointer to segment 2^32-1', 'far-pointer', [farPointer(0xffff_ffff, 0)], [NULL]),
  envelope('a far pointer to segment 1 of one', 'far-pointer', [farPointer(1, 0), NULL]),
  envelope('a far pointer to the end of its segment', 'far-pointer', [farPointer(1, 1)], [NULL]),
  envelope('a far pointer far behind its segment', 'far-pointer', [farPointer(1, 0x1fff_ffff)], [NULL]),
  envelope('a far pointer into an empty segment', 'far-pointer', [farPointer(1, 0)], []),
  envelope('a far pointer to a far pointer', 'far-pointer', [farPointer(1, 0)], [farPointer(0, 1)]),
  envelope('a far pointer to itself', 'far-pointer', [farPointer(0, 0)]),
  envelope('two far pointers to each other', 'far-pointer', [farPointer(1, 0)], [farPointer(0, 0)]),
  envelope(
    'a double-far root',
    'accepted',
    [farPointer(1, 0, true)],
    [farPointer(2, 0), structPointer(0, 1, 2)],
    [...BODY],
  ),
  envelope(
    'a double-far root into segment 0',
    'accepted',
    [farPointer(1, 0, true), ...BODY],
    [farPointer(0, 1), structPointer(0, 1, 2)],
  ),
  envelope(
    'double-far text',
    'accepted',
    [structPointer(0, 1, 2), TYPE, farPointer(1, 0, true), NULL],
    [farPointer(2, 1), bytesPointer(0, 2)],
    [NULL, ...A],
  ),
  envelope(
    'a double-far tag with an offset, which does not count',
    'accepted',
    [farPointer(1, 0, true)],
    [farPointer(2, 0), structPointer(77, 1, 2)],
    [...BODY],
  ),
  envelope(
    'a double-far pad of one word',
    'far-pointer',
    [farPointer(1, 0, true)],
    [farPointer(2, 0)],
    [...BODY],
  ),
  envelope(
    'a double-far pad without a far pointer',
    'far-pointer',
    [farPointer(1, 0, true)],
    [[0, 2], structPointer(0, 1, 2)],
    [...BODY],
  ),
  envelope(
    'a double-far pad whose segment is missing',
    'far-pointer',
    [farPointer(1, 0, true)],
    [farPointer(9, 0), structPointer(0, 1, 2)],
    [...BODY],
  ),
  envelope(
    'a double-far pad that leads to an empty struct in an empty segment',
    'far-pointer',
    [farPointer(1, 0, true)],
    [farPointer(2, 0), structPointer(0, 0, 0)],
    [],
  ),
  envelope(
    'a double-far pad with a far tag',
    'far-pointer',
    [farPointer(1, 0, true)],
    [farPointer(2, 0), farPointer(2, 0)],
    [...BODY],
  ),
  envelope(
    'a double-far pad that points at itself',
    'far-pointer',
    [farPointer(1, 0, true)],
    [farPointer(1, 0, true), farPointer(1, 0, true)],
  ),
  envelope(
    'a double-far struct that ends one word behind its segment',
    'segment-bounds',
    [farPointer(1, 0, true)],
    [farPointer(2, 0), structPointer(0, 1, 2)],
    [TYPE, NULL],
  ),
  envelope(
    'a double-far struct that starts at the end of its segment',
    'segment-bounds',
    [farPointer(1, 0, true)],
    [farPointer(2, 3), structPointer(0, 1, 2)],
    [TYPE, NULL, NULL],
  ),

  // Lists of structs.
  metadata('null metadata', 'accepted', NULL),
  metadata('one entry', 'accepted', listPointer(0, 7, 2), tag(1, 0, 2), ...entry(1), ...A),
  metadata('no entry', 'accepted', listPointer(0, 7, 0), tag(0, 0, 2)),
  metadata(
    'entries that leave words over',
    'accepted',
    listPointer(0, 7, 4),
    tag(1, 0, 2),
    ...entry(3),
    NULL,
    NULL,
    ...A,
  ),
  metadata(
    'entries of a newer schema',
    'accepted',
    listPointer(0, 7, 4),
    tag(1, 1, 3),
    [5, 5],
    ...entry(2),
    CAPABILITY,
    ...A,
  ),
  metadata(
    'entries of an older schema',
    'accepted',
    listPointer(0, 7, 1),
    tag(1, 0, 1),
    bytesPointer(0, 2),
    ...A,
  ),
  metadata(
    'one entry more than its words hold',
    'list-bounds',
    listPointer(0, 7, 2),
    tag(2, 0, 2),
    ...entry(1),
    ...A,
  ),
  metadata(
    '2^29-1 entries in two words',
    'list-bounds',
    listPointer(0, 7, 2),
    tag(0x1fff_ffff, 0, 2),
    ...entry(1),
    ...A,
  ),
  metadata(
    'entries whose size would wrap in 32 bits',
    'list-bounds',
    listPointer(0, 7, 2),
    tag(0x1000_0000, 0, 16),
    ...entry(1),
    ...A,
  ),
  metadata(
    'a word count that ends behind the segment',
    'list-bounds',
    listPointer(0, 7, 4),
    tag(1, 0, 2),
    ...entry(1),
    ...A,
  ),
  metadata('the largest word count', 'list-bounds', [1, 0xffff_ffff], tag(1, 0, 2), ...entry(0), ...A),
  metadata('a list whose tag would be behind the segment', 'list-bounds', listPointer(0, 7, 0)),
  metadata(
    'a tag that is a list pointer',
    'list-kind',
    listPointer(0, 7, 2),
    listPointer(1, 2, 2),
    ...entry(1),
    ...A,
  ),
  metadata(
    'a tag that is a far pointer',
    'list-kind',
    listPointer(0, 7, 2),
    farPointer(0, 1),
    ...entry(1),
    ...A,
  ),
  metadata(
    'a list of pointers, read as entries with a key',
    'accepted',
    listPointer(0, 6, 1),
    bytesPointer(0, 2),
    ...A,
  ),
  metadata('a list of bytes, read as entries without fields', 'accepted', listPointer(0, 2, 3), [0, 0]),
  metadata('a list of 64-bit numbers', 'accepted', listPointer(0, 5, 1), [1, 2]),
  metadata('a list of void', 'accepted', listPointer(0, 0, 3)),
  metadata('a list of bits', 'list-kind', listPointer(0, 1, 3), [7, 0]),
  metadata('a struct where the list belongs', 'pointer-kind', structPointer(0, 1, 0), NULL),
  metadata('a capability where the list belongs', 'pointer-kind', CAPABILITY),
  metadata('a list of pointers that ends behind the segment', 'list-bounds', listPointer(0, 6, 2), NULL),
  metadata('a list of bytes that ends behind the segment', 'list-bounds', listPointer(0, 2, 9), NULL),
  metadata('2^29-1 numbers of 64 bits', 'list-bounds', [1, 0xffff_fffd], NULL),
  metadata(
    'a key that is out of bounds',
    'list-bounds',
    listPointer(0, 7, 2),
    tag(1, 0, 2),
    ...entry(2),
    ...A,
  ),
  metadata(
    'a key without a NUL',
    'text-termination',
    listPointer(0, 7, 2),
    tag(1, 0, 2),
    bytesPointer(1, 1),
    NULL,
    ...A,
  ),
];
