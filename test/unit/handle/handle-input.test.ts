import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytes, hasCode, testStream } from './fake-stream-io.ts';

test('the synchronous iterator gives what has arrived, blocks for more, and ends at the half-close', () => {
  const { io, stream } = testStream();
  stream.deliver(bytes(1));
  stream.deliver(bytes(2));
  const script = [() => stream.deliver(bytes(3)), () => {}, () => stream.deliverEnd()];
  io.onBlock = () => script.shift()?.();
  const seen: number[] = [];
  for (const chunk of stream) seen.push(chunk[0] ?? -1);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(io.blocks, ['input', 'input', 'input'], 'a wake-up without input is no end');
  assert.deepEqual([...stream], [], 'at its end it stays there');
});

test('the asynchronous iterator gives chunks in order, those that waited and those that are waited for', async () => {
  const { stream } = testStream();
  stream.deliver(bytes(1));
  const seen: number[] = [];
  const reading = (async () => {
    for await (const chunk of stream) seen.push(chunk[0] ?? -1);
  })();
  for (let i = 2; i < 6; i++) {
    stream.deliver(bytes(i));
    if (i % 2 === 0) await Promise.resolve();
  }
  stream.deliverEnd();
  await reading;
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
});

test('several reads at once are answered in order, and the end answers all that are left', async () => {
  const { stream } = testStream();
  const chunks = stream[Symbol.asyncIterator]();
  const reads = [chunks.next(), chunks.next(), chunks.next(), chunks.next()];
  stream.deliver(bytes(1));
  stream.deliver(bytes(2));
  stream.deliverEnd();
  const results = await Promise.all(reads);
  assert.deepEqual(
    results.map(({ done, value }) => (done === true ? 'end' : value?.[0])),
    [1, 2, 'end', 'end'],
  );
});

test('both iterators read the same input, and one that was left can be taken up again', async () => {
  const { stream } = testStream();
  for (let i = 0; i < 4; i++) stream.deliver(bytes(i));
  stream.deliverEnd();
  const seen: number[] = [];
  for (const chunk of stream) {
    seen.push(chunk[0] ?? -1);
    break;
  }
  for await (const chunk of stream) {
    seen.push(chunk[0] ?? -1);
    if (seen.length === 2) break;
  }
  for (const chunk of stream) seen.push(chunk[0] ?? -1);
  assert.deepEqual(seen, [0, 1, 2, 3]);
});

test('an empty chunk is a chunk', () => {
  const { stream } = testStream();
  stream.deliver(new Uint8Array(0));
  stream.deliverEnd();
  assert.deepEqual([...stream], [new Uint8Array(0)]);
});

test('a cancel ends a blocked read with its cause and reason', () => {
  const { io, stream, stop } = testStream();
  io.onBlock = () => stop('cancelled', 'the user went away');
  assert.throws(() => [...stream], hasCode('cancelled', /the user went away/));
});

test('a cancel ends every waiting read with its cause and reason', async () => {
  const { stream, stop } = testStream();
  const chunks = stream[Symbol.asyncIterator]();
  const reads = [chunks.next(), chunks.next()];
  stop('deadlineExceeded', 'too late');
  for (const read of reads) await assert.rejects(read, hasCode('deadlineExceeded', /too late/));
  await assert.rejects(chunks.next(), hasCode('deadlineExceeded'));
});

test('input that had arrived is not given once a cause is decided', async () => {
  const { io, stream } = testStream();
  stream.deliver(bytes(1));
  // The word alone: the message with the reason is still on its way.
  io.decided = 'cancelled';
  assert.throws(() => [...stream], hasCode('cancelled'));
  await assert.rejects(stream[Symbol.asyncIterator]().next(), hasCode('cancelled'));
});

test('the flag and throwIfCancelled follow the word, before any message', () => {
  const { io, stream, stop } = testStream();
  assert.equal(stream.cancelled, false);
  stream.throwIfCancelled();
  io.decided = 'cancelled';
  assert.equal(stream.cancelled, true);
  assert.throws(() => stream.throwIfCancelled(), hasCode('cancelled'));
  stop('cancelled', 'by the host');
  assert.throws(() => stream.throwIfCancelled(), hasCode('cancelled', /by the host/));
});

test('nothing is delivered after the end of the stream', () => {
  const { stream } = testStream();
  stream.finish();
  stream.deliver(bytes(1));
  assert.deepEqual([...stream], []);
});

test('a waiting read ends when the stream does: the handler left it behind', async () => {
  const { stream } = testStream();
  const read = stream[Symbol.asyncIterator]().next();
  stream.finish();
  await assert.rejects(read, hasCode('unavailable'));
});

test('grants follow what is taken, not what arrives, in batches of half a window', () => {
  const { io, stream } = testStream(1024);
  for (let i = 0; i < 8; i++) stream.deliver(bytes(i, 128));
  assert.deepEqual(io.grants, []);
  const chunks = stream[Symbol.iterator]();
  for (let taken = 1; taken <= 8; taken++) {
    chunks.next();
    assert.deepEqual(io.grants, taken < 4 ? [] : taken < 8 ? [512] : [512, 512], `${taken} taken`);
  }
});

test('a tiny chunk is granted back at what it cost', () => {
  const { io, stream } = testStream(256);
  stream.deliver(bytes(1));
  stream.deliver(new Uint8Array(0));
  const chunks = stream[Symbol.iterator]();
  chunks.next();
  chunks.next();
  assert.deepEqual(io.grants, [128]);
});

test('a chunk that a waiting read gets is taken as well', async () => {
  const { io, stream } = testStream(256);
  const read = stream[Symbol.asyncIterator]().next();
  stream.deliver(bytes(1, 200));
  await read;
  assert.deepEqual(io.grants, [200]);
});

test('no grant goes out once the host has closed, whatever is still taken', () => {
  const { io, stream } = testStream(256);
  for (let i = 0; i < 4; i++) stream.deliver(bytes(i, 128));
  stream.deliverEnd();
  assert.equal([...stream].length, 4);
  assert.deepEqual(io.grants, []);
});

test('over any run, never more is granted than was taken, and never half a window is withheld', () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.constant('take' as const));
  fc.assert(
    fc.property(fc.integer({ min: 128, max: 4096 }), fc.array(step, { maxLength: 100 }), (window, steps) => {
      const { io, stream } = testStream(window);
      const chunks = stream[Symbol.iterator]();
      const waiting: number[] = [];
      let taken = 0;
      for (const what of steps) {
        if (what !== 'take') {
          stream.deliver(bytes(1, what));
          waiting.push(Math.max(64, what));
        } else if (waiting.length > 0) {
          chunks.next();
          taken += waiting.shift() ?? 0;
        }
        const granted = io.grants.reduce((sum, grant) => sum + grant, 0);
        assert.ok(granted <= taken, `${granted} granted, ${taken} taken`);
        assert.ok(taken - granted < window / 2, `${taken - granted} of ${window} withheld`);
      }
    }),
    { numRuns: 300 },
  );
});

test('a host that counts with the protocol’s constant is not starved by a module with a larger window', () => {
  // It sent no initialize, so it never read the larger window: it sends 262,144 bytes and waits for a grant.
  const { io, stream } = testStream(1 << 20);
  const chunks = stream[Symbol.iterator]();
  for (let i = 0; i < 4; i++) {
    stream.deliver(bytes(i, 65_536));
    chunks.next();
  }
  assert.ok(io.grants.length > 0, 'all of the host’s credit was taken and none came back');
});

test('the deadline is the context’s; none is undefined', () => {
  assert.equal(testStream().stream.deadline, undefined);
  assert.deepEqual(
    testStream(64, { deadlineUnixMs: 1_700_000_000_000 }).stream.deadline,
    new Date(1_700_000_000_000),
  );
});
