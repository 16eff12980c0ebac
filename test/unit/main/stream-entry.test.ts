import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamEntry } from '../../../src/main/streams/stream-entry.ts';
import type { Assignment } from '../../../src/main/calls/scheduler.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';
import { EMPTY_CONTEXT, type InvocationContext } from '../../../src/wire/context.ts';
import { encodeOpenFrame, FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { FrameDecoder } from '../../../src/wire/frame.ts';
import { idOf } from '../../support/module-facts.ts';
import {
  bytesPointer,
  farPointer,
  message,
  NULL,
  structPointer,
  textWords,
  type Word,
} from '../../support/wire-words.ts';

const ASSIGNMENT = { jobId: 1, block: 0 } as Assignment;

/** The entry of an Open with that frame, and what its worker gets. */
function entryOf(bytes: Uint8Array, start = 0): { entry: StreamEntry; started: () => Uint8Array } {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(bytes, start, bytes.length);
  const { context, initialCredit } = frame.openHead(65_536);
  const entry = new StreamEntry(frame, bytes, 262_144, initialCredit);
  entry.shedRest(context.contextBytes);
  const started = (): Uint8Array => {
    const { bytes: of, start: from, end } = entry.startOf(ASSIGNMENT, 0, 0);
    return of.slice(from, end);
  };
  return { entry, started };
}

function contextOf(frame: Uint8Array): InvocationContext {
  const decoder = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  decoder.decode(frame, 0, frame.length);
  return decoder.openContext();
}

const HEAD: readonly Word[] = [structPointer(0, 3, 1), [2, 1], [4, 3], NULL];
const METHOD: readonly Word[] = [
  NULL,
  NULL,
  bytesPointer(5, 5),
  NULL,
  NULL,
  NULL,
  NULL,
  NULL,
  ...textWords('echo'),
];
const FILLER = Array<Word>(50_000).fill(NULL);

const BULKY: Record<string, Uint8Array> = {
  'words that nothing points to': message([
    ...HEAD,
    structPointer(0, 1, 1),
    ...([[7, 0], structPointer(0, 1, 7)] as const),
    ...METHOD,
    ...FILLER,
  ]),
  'a field of a newer schema beside the context': message([
    ...HEAD,
    structPointer(0, 1, 2),
    ...([[7, 0], structPointer(1, 1, 7), bytesPointer(9, FILLER.length * 8)] as const),
    ...METHOD,
    ...FILLER,
  ]),
  'a segment of its own for each part': message(
    [...HEAD, farPointer(1, 0)],
    [structPointer(0, 1, 1), [7, 0], farPointer(2, 0)],
    [structPointer(0, 1, 7), ...METHOD],
    FILLER,
  ),
};

for (const [what, bytes] of Object.entries(BULKY)) {
  test(`an Open with ${what} is kept as its context, its credit and its id`, () => {
    const { entry, started } = entryOf(bytes);
    assert.equal(entry.keepOpen(), 64 + 64 + 8);
    const frame = started();
    assert.deepEqual(contextOf(frame), { ...EMPTY_CONTEXT, method: 'echo' });
    // Written by our own encoder, which golden bytes hold elsewhere.
    const expected = encodeOpenFrame(entry.id, { method: 'echo' }, 7 ^ 262_144);
    assert.deepEqual(frame, expected.slice(FrameEncoder.ENVELOPE_BYTES));
    assert.equal(entry.open?.buffer.byteLength, frame.length, 'and no buffer behind it');
  });
}

test('an Open in the usual layout goes to its worker as it came, without being read', () => {
  const message = encodeOpenFrame(idOf(5), { method: 'echo', metadata: [['k', 'v']] }, 9);
  const { entry } = entryOf(message, FrameEncoder.ENVELOPE_BYTES);
  assert.equal(entry.open, message);
});
