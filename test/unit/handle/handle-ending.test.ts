import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode, testStream } from './fake-stream-io.ts';

test('the signal fires on a cancel, with a ModuleError that says cause and reason', () => {
  for (const cause of ['cancelled', 'deadlineExceeded', 'protocolViolation'] as const) {
    const { stream, stop } = testStream();
    const { signal } = stream;
    let fired = 0;
    signal.addEventListener('abort', () => fired++);
    assert.equal(signal.aborted, false);
    assert.equal(stream.signal, signal, 'one signal a stream');
    stop(cause, 'because');
    assert.equal(fired, 1);
    assert.ok(hasCode(cause, /because/)(signal.reason));
  }
});

test('a signal that is asked for after the cancel has fired already', () => {
  const { io, stream } = testStream();
  io.decided = 'cancelled';
  assert.equal(stream.signal.aborted, true);
  assert.ok(hasCode('cancelled')(stream.signal.reason));
});

test('the signal does not fire when the stream ends well, nor for a cancel that comes afterwards', () => {
  const before = testStream();
  const { signal } = before.stream;
  before.stream.deliverEnd();
  before.stream.finish();
  before.stop('cancelled', 'late');
  assert.equal(signal.aborted, false);
  const after = testStream();
  after.stream.finish();
  after.io.decided = 'cancelled';
  assert.equal(after.stream.signal.aborted, false);
});

test('a stream that has ended stays as it was, whatever the words that it shared say from then on', async () => {
  const { io, stream } = testStream();
  stream.finish();
  io.decided = 'cancelled';
  assert.equal(stream.cancelled, false);
  assert.equal(stream.signal.aborted, false);
  assert.throws(() => stream.throwIfCancelled(), hasCode('unavailable'));
  assert.deepEqual([...stream], []);
  assert.equal((await stream[Symbol.asyncIterator]().next()).done, true);

  const stopped = testStream();
  stopped.stop('deadlineExceeded', 'too late');
  stopped.stream.finish();
  stopped.io.decided = undefined;
  assert.equal(stopped.stream.cancelled, true);
  assert.ok(hasCode('deadlineExceeded', /too late/)(stopped.stream.signal.reason));
  assert.throws(() => stopped.stream.throwIfCancelled(), hasCode('deadlineExceeded', /too late/));
});

test('what a handler makes of the error that it is given doesn’t change what the host is told', () => {
  const { io, stream, stop } = testStream();
  io.decided = 'cancelled';
  const spoilt = (): void => {
    try {
      stream.throwIfCancelled();
    } catch (error) {
      (error as { message: unknown }).message = 5;
    }
  };
  spoilt();
  spoilt();
  assert.equal(stream.stopMessage('cancelled'), 'the stream has ended: cancelled');
  stop('cancelled', 'enough');
  spoilt();
  assert.equal(stream.stopMessage('cancelled'), 'enough');
});

test('what the terminal frame says is the reason, or the cause where there is none', () => {
  const { stream, stop } = testStream();
  assert.match(stream.stopMessage('cancelled'), /cancelled/);
  stop('cancelled', 'the user went away');
  assert.equal(stream.stopMessage('cancelled'), 'the user went away');
});
