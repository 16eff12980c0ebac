import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Framer } from '../../../src/wire/capnp/framer.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { farPointer, message, NULL, structPointer, type Word } from '../../support/wire-words.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../../src/wire/capnp/limits.ts';

/** A message of one segment with that many words, none of which says the same as another. */
function words(count: number, mark: number): Uint8Array {
  return message(Array.from({ length: count }, (_, i): Word => [mark, i]));
}

const MESSAGES: readonly Uint8Array[] = [
  message([structPointer(0, 1, 0), [1, 2]]),
  message([]),
  message([farPointer(1, 0)], [structPointer(0, 1, 0), [3, 4]]),
  message([NULL], [], [NULL, NULL]),
  message([], [], [], []),
  words(40, 5),
  message(...Array.from({ length: 511 }, (_, i): Word[] => (i % 3 === 0 ? [[i, i]] : []))),
  words(3_000, 6),
  words(1, 7),
];

const STREAM = Buffer.concat(MESSAGES);

/** Cuts the stream at `cuts` and returns copies of the messages that come out. Chunks are overwritten once they are pushed. */
function frames(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const seen: Uint8Array[] = [];
  const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => seen.push(bytes.slice(start, end)));
  let at = 0;
  for (const cut of [...cuts, stream.length]) {
    // A view into a larger buffer, as a read buffer is.
    const buffer = new Uint8Array(cut - at + 16).fill(0xee);
    const chunk = buffer.subarray(5, 5 + cut - at);
    chunk.set(stream.subarray(at, cut));
    framer.push(chunk);
    buffer.fill(0xee);
    at = cut;
  }
  assert.equal(framer.pendingBytes, 0);
  return seen;
}

function assertAll(seen: readonly Uint8Array[], expected: readonly Uint8Array[] = MESSAGES): void {
  assert.equal(seen.length, expected.length);
  for (const [i, one] of seen.entries())
    assert.ok(Buffer.compare(one, expected[i]!) === 0, `message ${i} differs`);
}

function framerWith(limits: Partial<WireLimits> = {}): Framer {
  return new Framer({ ...DEFAULT_WIRE_LIMITS, ...limits }, () => undefined);
}

function refuses(what: MalformedKind, act: () => void): void {
  assert.throws(act, (error) => error instanceof MalformedError && error.what === what);
}

/** A segment table of these counts, whatever follows. */
function table(last: number, ...sizes: number[]): Uint8Array {
  const numbers = [last, ...sizes];
  if (numbers.length % 2 === 1) numbers.push(0);
  const out = new Uint8Array(numbers.length * 4);
  for (const [i, number] of numbers.entries()) new DataView(out.buffer).setUint32(i * 4, number, true);
  return out;
}

test('all messages of one chunk come out of it', () => {
  assertAll(frames(STREAM, []));
});

test('a message that lies whole in a chunk is handed on where it lies', () => {
  const chunk = new Uint8Array([...MESSAGES[0]!, ...MESSAGES[2]!, 1, 0, 0]);
  const seen: [Uint8Array, number, number][] = [];
  new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => seen.push([bytes, start, end])).push(chunk);
  const first = MESSAGES[0]!.length;
  assert.deepEqual(
    seen.map(([, start, end]) => [start, end]),
    [
      [0, first],
      [first, first + MESSAGES[2]!.length],
    ],
  );
  for (const [bytes] of seen) assert.equal(bytes, chunk);
});

test('one byte at a time gives the same messages', () => {
  assertAll(
    frames(
      STREAM,
      Array.from({ length: STREAM.length - 1 }, (_, i) => i + 1),
    ),
  );
});

test('one cut at each byte boundary gives the same messages', () => {
  // The long messages are left to the random cuts: their middles are all alike.
  const short = MESSAGES.slice(0, 6);
  const stream = Buffer.concat(short);
  for (let cut = 0; cut <= stream.length; cut += 1) assertAll(frames(stream, [cut]), short);
});

test('cuts at all message boundaries, and one byte beside them, give the same messages', () => {
  let end = 0;
  const ends = MESSAGES.map((one) => (end += one.length)).slice(0, -1);
  assertAll(frames(STREAM, ends));
  assertAll(
    frames(
      STREAM,
      ends.map((at) => at - 1),
    ),
  );
  assertAll(
    frames(
      STREAM,
      ends.map((at) => at + 1),
    ),
  );
});

test('empty chunks change nothing', () => {
  assertAll(frames(STREAM, [0, 0, 4, 4, 8, 8, 9, 9, STREAM.length, STREAM.length]));
});

test('1,000 random ways to cut give the same messages', () => {
  // Park-Miller: the same cuts every run.
  let seed = 7_654_321;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  for (let round = 0; round < 1_000; round += 1) {
    const cuts = Array.from({ length: random(12) }, () => random(STREAM.length + 1)).sort((a, b) => a - b);
    assertAll(frames(STREAM, cuts));
  }
});

test('a message of exactly the limit passes and 8 bytes more are refused at the table', () => {
  const limits = { maxMessageBytes: 4_096 };
  const seen: number[] = [];
  const framer = new Framer({ ...DEFAULT_WIRE_LIMITS, ...limits }, (_, start, end) => seen.push(end - start));
  framer.push(words(511, 1));
  assert.deepEqual(seen, [4_096]);
  refuses('message-limit', () => {
    framerWith(limits).push(table(0, 512));
  });
  // Two segments: their table is 16 bytes, and it counts.
  framer.push(message(Array<Word>(510).fill(NULL), []));
  assert.deepEqual(seen, [4_096, 4_096]);
  refuses('message-limit', () => {
    framerWith(limits).push(table(1, 510, 1));
  });
});

test('the limit holds for messages that arrive in pieces', () => {
  const framer = framerWith({ maxMessageBytes: 4_096 });
  const over = table(0, 512);
  framer.push(over.subarray(0, 7));
  refuses('message-limit', () => {
    framer.push(over.subarray(7));
  });
});

test('the default limit is 16 MiB with the table', () => {
  framerWith().push(table(0, 2 * 1024 * 1024 - 1));
  refuses('message-limit', () => {
    framerWith().push(table(0, 2 * 1024 * 1024));
  });
});

test('511 segments pass and 512 are refused by the first word of the table', () => {
  let seen = 0;
  new Framer(DEFAULT_WIRE_LIMITS, () => (seen += 1)).push(message(...Array.from({ length: 511 }, () => [])));
  assert.equal(seen, 1);
  refuses('segment-count', () => {
    framerWith().push(table(511, 0));
  });
  refuses('segment-count', () => {
    framerWith().push(table(0xffff_ffff, 0));
  });
  refuses('segment-count', () => {
    framerWith().push(table(0x7fff_ffff, 0));
  });
});

test('declared gigabytes are refused and never wrap around', () => {
  // 2^29 words are 2^32 bytes and 0xffffffff words 2^35-8: 0 and -8 in 32 bits.
  for (const size of [0x2000_0000, 0x2000_0001, 0x4000_0000, 0x8000_0000, 0xffff_ffff]) {
    refuses('message-limit', () => {
      framerWith().push(table(0, size));
    });
    refuses('message-limit', () => {
      framerWith().push(table(1, 0, size));
    });
  }
  // Sums of 2^32 words, and of 511 times the largest.
  refuses('message-limit', () => {
    framerWith().push(table(1, 0x8000_0000, 0x8000_0000));
  });
  refuses('message-limit', () => {
    framerWith().push(table(510, ...Array<number>(511).fill(0xffff_ffff)));
  });
});

test('a table in pieces is refused once all of it is there', () => {
  const over = table(2, 1, 1, 0x2000_0000);
  const framer = framerWith();
  for (let at = 0; at < over.length - 1; at += 1) framer.push(over.subarray(at, at + 1));
  assert.equal(framer.pendingBytes, over.length - 1);
  refuses('message-limit', () => {
    framer.push(over.subarray(over.length - 1));
  });
});

test('what is held of an unfinished message is counted', () => {
  const framer = framerWith();
  assert.equal(framer.pendingBytes, 0);
  framer.push(MESSAGES[0]!.subarray(0, 3));
  assert.equal(framer.pendingBytes, 3);
  framer.push(MESSAGES[0]!.subarray(3, 20));
  assert.equal(framer.pendingBytes, 20);
  framer.push(MESSAGES[0]!.subarray(20));
  assert.equal(framer.pendingBytes, 0);
});

test('a declared 16 MiB takes memory only as its bytes arrive', () => {
  const before = process.memoryUsage().arrayBuffers;
  const framers = Array.from({ length: 64 }, () => framerWith());
  for (const framer of framers) {
    framer.push(table(0, 2 * 1024 * 1024 - 1));
    framer.push(new Uint8Array(20_000));
  }
  const taken = process.memoryUsage().arrayBuffers - before;
  assert.ok(taken < 16 * 1024 * 1024, `64 tables of 16 MiB took ${taken} bytes`);
  assert.equal(framers[0]!.pendingBytes, 20_008);
});

test('a 16 MiB message in chunks of 64 KiB comes out whole', () => {
  const large = new Uint8Array(16 * 1024 * 1024);
  large.set(table(0, 2 * 1024 * 1024 - 1));
  for (let i = 8; i < large.length; i += 1021) large[i] = i & 255;
  let whole = false;
  let sizes = 0;
  const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
    sizes += 1;
    if (end - start === large.length) whole = Buffer.compare(bytes.subarray(start, end), large) === 0;
  });
  for (let at = 0; at < large.length; at += 65_536) framer.push(large.subarray(at, at + 65_536));
  framer.push(MESSAGES[0]!);
  assert.ok(whole);
  assert.equal(sizes, 2);
});

/** Reads `stream` as a source does: in pieces of `sizes` in turn, into the framer's room where there is one. */
function ownMessages(
  stream: Uint8Array,
  sizes: readonly number[],
): { message: Uint8Array; isOwn: boolean }[] {
  const seen: { message: Uint8Array; isOwn: boolean }[] = [];
  const framer = new Framer(
    DEFAULT_WIRE_LIMITS,
    (bytes, start, end, isOwn) => {
      if (isOwn) assert.deepEqual([start, end, bytes.buffer.byteLength], [0, bytes.length, bytes.length]);
      seen.push({ message: isOwn ? bytes : bytes.slice(start, end), isOwn });
    },
    (bytes) => new Uint8Array(bytes),
  );
  const buffer = new Uint8Array(300_000);
  for (let at = 0, i = 0; at < stream.length; i++) {
    const into = framer.room ?? buffer;
    const length = Math.min(sizes[i % sizes.length]!, into.length, stream.length - at);
    into.set(stream.subarray(at, at + length));
    framer.push(into.subarray(0, length));
    buffer.fill(0xee);
    at += length;
  }
  assert.equal(framer.pendingBytes, 0);
  return seen;
}

test('where it can make buffers, each message from 32 KiB to 1 MiB is its receiver’s, however it arrives', () => {
  const large = [words(4_095, 1), words(8_207, 2), words(131_072, 3), words(5, 4), words(8_207, 5)];
  const beyond = words(131_300, 6);
  const sent = [...MESSAGES, ...large, beyond, ...large, MESSAGES[0]!];
  const stream = Buffer.concat(sent);
  for (const sizes of [[65_536], [300_000], [65_536, 128], [7, 1, 4_096, 70_001], [32_768 + 8, 13]]) {
    const seen = ownMessages(stream, sizes);
    assertAll(
      seen.map(({ message: bytes }) => bytes),
      sent,
    );
    assert.deepEqual(
      seen.map(({ isOwn }) => isOwn),
      sent.map((one) => one.length >= 32_768 && one.length <= 1_049_600),
      `pieces of ${sizes.join(', ')}`,
    );
  }
});

test('a declared 1 MiB gets a buffer of its own once 32 KiB of it are there', () => {
  const made: number[] = [];
  const framer = new Framer(
    DEFAULT_WIRE_LIMITS,
    () => undefined,
    (bytes) => {
      made.push(bytes);
      return new Uint8Array(bytes);
    },
  );
  const total = 1_048_576;
  const begin = new Uint8Array(32_767);
  begin.set(table(0, total / 8 - 1));
  framer.push(begin);
  assert.deepEqual([made, framer.room], [[], undefined]);
  framer.push(new Uint8Array(1));
  assert.deepEqual(made, [total]);
  assert.equal(framer.room?.length, total - 32_768);
});

test('what the receiver throws comes out of push', () => {
  const framer = new Framer(DEFAULT_WIRE_LIMITS, () => {
    throw new RangeError('enough');
  });
  assert.throws(() => {
    framer.push(MESSAGES[0]!);
  }, RangeError);
});
