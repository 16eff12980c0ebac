import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import {
  bytesPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  type Word,
} from '../../support/wire-words.ts';
import { CANONICAL_FRAMES, FULL_CONTEXT_BYTES, OPEN_FRAMES } from '../golden/wire.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function decodeFrame(bytes: Uint8Array): FrameDecoder {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(bytes, 0, bytes.length);
  return frame;
}

test('an Open is read as capnp wrote it', () => {
  const frame = decodeFrame(fromHex(OPEN_FRAMES.full));
  assert.equal(frame.arm, FRAME_ARM.open);
  assert.deepEqual(frame.open(), {
    initialCredit: 1_000,
    contextBytes: FULL_CONTEXT_BYTES,
    context: {
      invocationId: 'inv-7',
      method: 'sha256',
      caller: 'alice',
      tenant: 'acme',
      deadlineUnixMs: 1_790_000_000_123,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'k=v',
      metadata: [
        ['ms', '20'],
        ['ms', 'zwanzig ü'],
        ['', ''],
      ],
    },
  });
});

test('the first credit of an Open is stored against its default', () => {
  assert.equal(decodeFrame(fromHex(OPEN_FRAMES.defaultCredit)).open().initialCredit, 262_144);
  assert.equal(decodeFrame(fromHex(OPEN_FRAMES.noCredit)).open().initialCredit, 0);
  assert.equal(decodeFrame(fromHex(OPEN_FRAMES.maxCredit)).open().initialCredit, 0xffff_ffff);
});

test('an Open without a context, or without anything, has all defaults', () => {
  // The struct counts where it is left out, too.
  const all = { context: EMPTY_CONTEXT, contextBytes: 64, initialCredit: 262_144 };
  assert.deepEqual(decodeFrame(fromHex(OPEN_FRAMES.noContext)).open(), all);
  assert.deepEqual(decodeFrame(fromHex(CANONICAL_FRAMES.allDefault)).open(), all);
  assert.deepEqual(decodeFrame(message([NULL])).open(), all);
});

test('a deadline beyond what a double holds is clamped', () => {
  assert.equal(
    decodeFrame(fromHex(OPEN_FRAMES.farDeadline)).open().context.deadlineUnixMs,
    Number.MAX_SAFE_INTEGER,
  );
});

test('a hostile context is measured and not built', () => {
  // 500 entries that all point to the same 60,000 bytes: 30 MB of strings out of 68 KB.
  const entries = Array.from({ length: 500 }, (_, i): Word[] => [
    bytesPointer(999 - 2 * i, 60_000),
    NULL,
  ]).flat();
  const words = [
    structPointer(0, 3, 1),
    ...[NULL, NULL, NULL],
    structPointer(0, 1, 1),
    NULL,
    structPointer(0, 1, 7),
    ...Array<Word>(7).fill(NULL),
    listPointer(0, 7, 1_000),
    tag(500, 0, 2),
    ...entries,
    ...Array<Word>(7_500).fill(NULL),
  ];
  const { context, contextBytes } = decodeFrame(message(words)).open(65_536);
  assert.ok(contextBytes > 65_536);
  assert.equal(context, EMPTY_CONTEXT);
  // Eight million entries of no size, which no message pays for: over the default bound as well.
  const empty = [...words.slice(0, 15), tag(8_000_000, 0, 0)];
  empty[14] = listPointer(0, 7, 0);
  assert.equal(decodeFrame(message(empty)).open().context, EMPTY_CONTEXT);
});

test('a context of exactly the bound is built', () => {
  const open = decodeFrame(fromHex(OPEN_FRAMES.full));
  assert.equal(open.open(FULL_CONTEXT_BYTES).context.method, 'sha256');
  assert.equal(open.open(FULL_CONTEXT_BYTES - 1).context, EMPTY_CONTEXT);
});
