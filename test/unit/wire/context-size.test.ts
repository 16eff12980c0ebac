import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBoundedContext, readContextHead, type ContextHead } from '../../../src/wire/context.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { MessageReader } from '../../../src/wire/capnp/reader.ts';
import { encodeHandleRequest } from '../../../src/wire/payload-encode.ts';
import { decodeHandleRequest, decodeInitialized } from '../../../src/wire/payload-decode.ts';
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

const LIMIT = 65_536;
const NULLS = Array<Word>(7).fill(NULL);

/** The context at the root of a message, as main reads it. */
function headOf(bytes: Uint8Array, maxBytes = LIMIT): ContextHead {
  const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
  reader.open(bytes, 0, bytes.length);
  return readContextHead(reader.root(), maxBytes);
}

/** As the head says it, and as the whole context does: they must agree. */
function sizeOf(bytes: Uint8Array, maxBytes = LIMIT): number {
  const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
  reader.open(bytes, 0, bytes.length);
  const { contextBytes } = readBoundedContext(reader.root(), maxBytes);
  assert.equal(headOf(bytes, maxBytes).contextBytes, contextBytes);
  return contextBytes;
}

function refuses(what: MalformedKind, bytes: Uint8Array, maxBytes = LIMIT): void {
  const isIt = (error: unknown): boolean => error instanceof MalformedError && error.what === what;
  assert.throws(() => headOf(bytes, maxBytes), isIt);
  assert.throws(() => sizeOf(bytes, maxBytes), isIt);
}

test('a context counts 64 bytes, each text with its NUL in whole words, 8 for a list and 16 for each entry', () => {
  // Words of the page: 8, caller 'alice' 1, invocationId of 8 characters 2, tag 1, entries 2 × 2, key 'k' 1, value 1.
  const context = {
    invocationId: '12345678',
    caller: 'alice',
    metadata: [
      ['k', 'v'],
      ['', ''],
    ] as const,
  };
  const { contextBytes } = decodeHandleRequest(encodeHandleRequest({ context }));
  assert.equal(contextBytes, (8 + 1 + 2 + 1 + 4 + 1 + 1) * 8);
  assert.equal(sizeOf(message([structPointer(0, 1, 7), NULL, ...NULLS])), 64);
  assert.equal(sizeOf(message([NULL])), 64);
});

test('an empty text that is there counts its NUL, and an empty list its tag', () => {
  const words = [
    structPointer(0, 1, 7),
    NULL,
    bytesPointer(6, 1),
    ...NULLS.slice(0, 5),
    listPointer(1, 7, 0),
  ];
  assert.equal(sizeOf(message([...words, ...textWords(''), tag(0, 0, 2)])), 64 + 8 + 8);
});

test('landing pads count nothing: one context has one size in every layout', () => {
  const far = message(
    [structPointer(0, 1, 7), NULL, ...NULLS.slice(0, 5), farPointer(1, 0), farPointer(2, 0, true)],
    [bytesPointer(0, 6), ...textWords('state')],
    [farPointer(3, 0), listPointer(0, 7, 2)],
    [tag(1, 0, 2), farPointer(4, 0), NULL],
    [bytesPointer(0, 2), ...textWords('k')],
  );
  assert.equal(sizeOf(far), 64 + 8 + 8 + 16 + 8);
});

test('fields that a newer schema added count nothing, whatever they hold and however bad their pointers are', () => {
  const newer: Record<string, Word> = {
    'bytes outside their segment': bytesPointer(5_000, 8_000_000),
    'a struct outside its segment': structPointer(1, 60_000, 60_000),
    'a capability': CAPABILITY,
    'a segment that is not there': farPointer(77, 0),
    'a struct that holds itself': structPointer(-1, 0, 1),
    'a list without end': listPointer(0, 0, 0x1fff_ffff),
  };
  for (const [what, pointer] of Object.entries(newer)) {
    const bytes = message([
      structPointer(0, 1, 9),
      NULL,
      bytesPointer(8, 2),
      ...NULLS.slice(1),
      NULL,
      pointer,
      ...textWords('i'),
    ]);
    assert.equal(sizeOf(bytes), 64 + 8, what);
    // And within an entry of the metadata.
    const entry = [listPointer(0, 7, 3), tag(1, 0, 3), bytesPointer(2, 2), NULL, pointer, ...textWords('k')];
    assert.equal(
      sizeOf(message([structPointer(0, 1, 7), NULL, ...NULLS.slice(1), ...entry])),
      64 + 8 + 16 + 8,
      what,
    );
  }
});

test('an answer to initialize ignores what a newer schema added, too', () => {
  const words = [structPointer(0, 1, 6), NULL, bytesPointer(5, 2), NULL, NULL, NULL, NULL, farPointer(77, 0)];
  assert.equal(decodeInitialized(message([...words, ...textWords('n')])).moduleName, 'n');
});

test('a text that two pointers lead to counts twice', () => {
  const words = [structPointer(0, 1, 7), NULL, bytesPointer(6, 2), bytesPointer(5, 2), ...NULLS.slice(2)];
  assert.equal(sizeOf(message([...words, ...textWords('a')])), 64 + 8 + 8);
});

test('malformed comes before too large, wherever it stands', () => {
  // A caller of 80,000 bytes; the text of a later field, a list, or an entry's value is wrong.
  const caller = 10_000;
  const large = Array<Word>(caller).fill(NULL);
  const withField = (index: number, pointer: Word): Uint8Array => {
    const pointers = [...NULLS];
    pointers[2] = bytesPointer(4, caller * 8);
    pointers[index] = pointer;
    return message([structPointer(0, 1, 7), NULL, ...pointers, ...large]);
  };
  assert.ok(sizeOf(withField(2, bytesPointer(4, caller * 8))) > LIMIT);
  refuses('list-bounds', withField(5, bytesPointer(20_000, 8)));
  refuses('pointer-kind', withField(0, structPointer(0, 1, 0)));
  refuses('list-kind', withField(6, listPointer(0, 1, 8)));
  refuses('far-pointer', withField(4, farPointer(9, 0)));
  const entry = [tag(1, 0, 2), NULL, bytesPointer(0, 8), ...byteWords([1, 1, 1, 1, 1, 1, 1, 1])];
  const words = [
    structPointer(0, 1, 7),
    NULL,
    NULL,
    NULL,
    bytesPointer(4 + 4, caller * 8),
    NULL,
    NULL,
    NULL,
    listPointer(0, 7, 2),
  ];
  refuses('text-termination', message([...words, ...entry, ...large]));
});

test('up to the limit UTF-8 is checked, and a text beyond it need not be', () => {
  const bad = byteWords([0xff, 0]);
  const words = [structPointer(0, 1, 7), NULL, ...NULLS.slice(0, 5), bytesPointer(1, 2), NULL];
  refuses('text-utf8', message([...words, ...bad]));
  assert.ok(sizeOf(message([...words, ...bad]), 71) > 71);
});

test('a context of exactly the limit is read, and one byte less of a limit is too little', () => {
  // 64 and a text of 65,472 bytes with its NUL: the 64 KiB of the protocol.
  const context = { caller: 'x'.repeat(LIMIT - 64 - 1) };
  const payload = encodeHandleRequest({ context });
  assert.equal(decodeHandleRequest(payload, LIMIT).context.caller.length, LIMIT - 65);
  assert.equal(decodeHandleRequest(payload, LIMIT - 1).context.caller, '');
  const over = encodeHandleRequest({ context: { caller: `${context.caller}x` } });
  assert.equal(decodeHandleRequest(over, LIMIT).contextBytes, LIMIT + 8);
});

test('eight million entries of no size are counted without a look at each', () => {
  const words = [structPointer(0, 1, 7), ...NULLS, listPointer(0, 7, 0), tag(8_000_000, 0, 0)];
  assert.deepEqual(headOf(message(words)), {
    contextBytes: 64 + 8 + 8_000_000 * 16,
    metadataEntries: 8_000_000,
    method: '',
    deadlineUnixMs: 0,
  });
});
