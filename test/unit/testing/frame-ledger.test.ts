import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTerminal, FrameLedger } from '../../../src/testing/frame-ledger.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../../src/wire/envelope.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import type { StreamId } from '../../../src/wire/stream-id.ts';

const ID = '0'.repeat(31).concat('1') as StreamId;
const frames = new FrameEncoder(ID);
const data = (): Uint8Array => frames.data(new Uint8Array(3));
const error = (): Uint8Array => frames.error({ code: 'internal', message: '' });

/** What the kit says of a stream that got these messages; empty: nothing. */
function complaint(...messages: Uint8Array[]): string {
  const watch = new FrameLedger();
  const counts = watch.begin(ID);
  for (const message of messages) watch.see(message);
  try {
    checkTerminal(ID, counts);
    return '';
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

test('one terminal frame, and nothing behind it, is as it should be', () => {
  assert.equal(complaint(data(), data(), frames.close()), '');
  assert.equal(complaint(error()), '');
  assert.equal(complaint(encodeEnvelope('response', 'r', EMPTY_PAYLOAD), frames.close()), '');
});

test('no terminal frame, two of them, or anything behind one is a complaint', () => {
  assert.match(complaint(data()), /no terminal frame/);
  assert.match(complaint(frames.close(), error()), /close, error as its terminal frames and 1 frames behind/);
  assert.match(complaint(error(), data()), /1 frames behind/);
  assert.match(complaint(frames.close(), frames.credit(7)), /1 frames behind/);
});

test('a stream that is opened anew with the same id counts from the beginning', () => {
  const watch = new FrameLedger();
  watch.begin(ID);
  watch.see(frames.close());
  const counts = watch.begin(ID);
  assert.deepEqual(watch.see(data()), { id: ID, counts });
  assert.deepEqual(counts, { data: 1, terminals: [], late: 0 });
});
