import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  decodeIpcError,
  DEFAULT_WIRE_LIMITS,
  encodeEnvelope,
  encodeIpcError,
  FrameEncoder,
  Framer,
  INITIAL_CREDIT,
  MalformedError,
  MAX_DATA_BYTES,
  MAX_REQUEST_ID_BYTES,
  MessageDecoder,
  parseStreamId,
  ReceiveWindow,
} from '../../../src/wire/index.ts';
import { examplesOf } from '../../support/doc-examples.ts';
import { ENVELOPES, ERROR_PAYLOADS, FRAME_MESSAGES, ID as ID_TEXT, OPEN_FRAMES } from '../golden/wire.ts';

const ID = parseStreamId(ID_TEXT) ?? assert.fail();
const WIRE = new URL('../../../src/wire/index.ts', import.meta.url).href;

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** What the capnp tool wrote, as one input. */
const MESSAGES = [...ENVELOPES.map(({ hex }) => hex), ...Object.values(FRAME_MESSAGES)].map(fromHex);

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
  return chunks;
}

type CountMessages = (
  counts: Record<string, number>,
) => (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** The listing of the page as it stands, but for where the package is. */
async function listing(): Promise<{ countMessages: CountMessages }> {
  const page = readFileSync(new URL('../../../docs/wire.md', import.meta.url), 'utf8');
  const code = examplesOf(page).find(({ name }) => name === 'count-messages.js')?.code;
  assert.ok(code !== undefined && code.includes("'ixt-sdk/wire'"));
  const folder = mkdtempSync(join(tmpdir(), 'ixt-wire-'));
  try {
    const file = join(folder, 'count-messages.mjs');
    writeFileSync(file, code.replace("'ixt-sdk/wire'", JSON.stringify(WIRE)));
    return (await import(pathToFileURL(file).href)) as { countMessages: CountMessages };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the relay of the page passes every byte on, and counts the same wherever the chunks end', async () => {
  const { countMessages } = await listing();
  const input = Buffer.concat(MESSAGES);
  const frames = Object.keys(FRAME_MESSAGES).length;
  for (const size of [1, 7, 8, 80, 128, input.length]) {
    const counts: Record<string, number> = {};
    const output: Uint8Array[] = [];
    for await (const message of countMessages(counts)(Readable.from(cut(input, size)))) output.push(message);
    assert.deepEqual(Buffer.concat(output), input, `chunks of ${size}`);
    assert.ok(
      (counts['streamFrame'] ?? 0) + (counts['notAStreamId'] ?? 0) + (counts['malformedFrame'] ?? 0) >=
        frames,
    );
    assert.equal(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      MESSAGES.length,
    );
  }
});

test('the relay of the page fails where the input ends inside a message, and at an envelope that makes no sense', async () => {
  const { countMessages } = await listing();
  const run = async (bytes: Uint8Array): Promise<void> => {
    for await (const message of countMessages({})(Readable.from([bytes]))) assert.ok(message.length > 0);
  };
  await assert.rejects(run(MESSAGES[0]!.subarray(0, 24)), /inside a message, after 24 bytes/);
  await assert.rejects(run(Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0)), MalformedError);
});

/** A table that declares so many segments, the first of so many words. */
function table(segments: number, words: number): Uint8Array {
  const bytes = new Uint8Array(((segments >>> 1) + 1) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, segments - 1, true);
  view.setUint32(4, words, true);
  return bytes;
}

test('the framer takes a message at its limits, and refuses one more before it keeps a byte of the body', () => {
  const { maxMessageBytes, maxSegments } = DEFAULT_WIRE_LIMITS;
  const push = (bytes: Uint8Array): number => {
    const framer = new Framer(DEFAULT_WIRE_LIMITS, () => assert.fail('no message is whole'));
    framer.push(bytes);
    return framer.pendingBytes;
  };
  const refused = (what: string) => (error: unknown) =>
    error instanceof MalformedError && error.what === what;
  assert.equal(push(table(1, maxMessageBytes / 8 - 1)), 8);
  assert.throws(() => push(table(1, maxMessageBytes / 8)), refused('message-limit'));
  assert.equal(push(table(maxSegments - 1, 1)), maxSegments * 4);
  assert.throws(() => push(table(maxSegments, 1)), refused('segment-count'));
  assert.throws(() => push(Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0)), refused('segment-count'));
});

test('a requestId at its limit is read, and one byte more is a malformed envelope', () => {
  const longest = encodeEnvelope('health', 'x'.repeat(MAX_REQUEST_ID_BYTES), new Uint8Array(0));
  const decoder = new MessageDecoder();
  assert.equal(decoder.decode(longest), 'health');
  assert.throws(
    () => encodeEnvelope('health', 'x'.repeat(MAX_REQUEST_ID_BYTES + 1), new Uint8Array(0)),
    RangeError,
  );
  // One byte more in the text's list pointer: the words behind it are there.
  const view = new DataView(longest.buffer);
  view.setUint32(28, view.getUint32(28, true) + 8, true);
  assert.equal(decoder.decode(longest), 'malformedEnvelope');
  assert.equal(decoder.malformed.what, 'request-id');
});

test('a decoder shows its frame to be read only, and nothing of how it is filled', () => {
  const shown: keyof MessageDecoder['frame'] = 'arm';
  type Hidden = 'setData' | 'decode' | 'idMatches';
  const isHidden: Extract<keyof MessageDecoder['frame'], Hidden> extends never ? true : false = true;
  assert.deepEqual([shown, isHidden], ['arm', true]);
});

test('a message that is cut at any two places comes out whole, and only once its last byte is there', () => {
  const message = fromHex(FRAME_MESSAGES.cancel);
  for (let first = 0; first <= message.length; first++) {
    for (let second = first; second <= message.length; second++) {
      const whole: Uint8Array[] = [];
      const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) =>
        whole.push(bytes.slice(start, end)),
      );
      framer.push(message.subarray(0, first));
      framer.push(message.subarray(first, second));
      assert.equal(whole.length, second === message.length ? 1 : 0, `cut at ${first} and ${second}`);
      framer.push(message.subarray(second));
      assert.deepEqual(whole, [message], `cut at ${first} and ${second}`);
    }
  }
});

test('a message that ends early is never of a sound kind, wherever it ends', () => {
  const decoder = new MessageDecoder();
  for (const hex of Object.values(FRAME_MESSAGES)) {
    const message = fromHex(hex);
    for (let end = 0; end < message.length; end++) {
      assert.equal(decoder.decode(message, 0, end), 'malformedEnvelope', `${hex} up to ${end}`);
    }
  }
});

/** A limit that is `atMost` is the least that reads the message: one less is refused for the reason `what`. */
function assertLeast(
  limit: 'maxNesting' | 'maxTraversalWords',
  atMost: number,
  read: (decoder: MessageDecoder) => void,
): void {
  read(new MessageDecoder({ ...DEFAULT_WIRE_LIMITS, [limit]: atMost }));
  const what = limit === 'maxNesting' ? 'nesting' : 'traversal';
  assert.throws(
    () => read(new MessageDecoder({ ...DEFAULT_WIRE_LIMITS, [limit]: atMost - 1 })),
    (error) => error instanceof MalformedError && error.what === what,
  );
}

test('a message as deep as the nesting limit is read, and a deeper one refused', () => {
  // The frame and its IpcError; then the frame, its Open, the context, the list of its entries, an entry.
  assertLeast('maxNesting', 2, (decoder) => {
    if (decoder.decode(fromHex(FRAME_MESSAGES.error)) !== 'streamFrame') throw decoder.malformed;
    decoder.frame.error();
  });
  const open = encodeEnvelope('streamFrame', ID, fromHex(OPEN_FRAMES.full));
  assertLeast('maxNesting', 5, (decoder) => {
    if (decoder.decode(open) !== 'streamFrame') throw decoder.malformed;
    decoder.frame.open();
  });
});

test('a message that is read within the traversal limit is taken, and one word more refused', () => {
  // The root pointer, three words of the envelope, one of the requestId, ten of the payload.
  const message = encodeEnvelope('health', 'h', new Uint8Array(80));
  assertLeast('maxTraversalWords', 15, (decoder) => {
    if (decoder.decode(message) !== 'health') throw decoder.malformed;
  });
});

test('Data of the largest size is within what a window takes, and one byte more is not', () => {
  const encoder = new FrameEncoder(ID);
  const decoder = new MessageDecoder();
  const isTaken = (size: number): boolean => {
    assert.equal(decoder.decode(encoder.data(new Uint8Array(size))), 'streamFrame');
    const { dataStart, dataEnd } = decoder.frame;
    assert.equal(dataEnd - dataStart, size);
    return new ReceiveWindow(INITIAL_CREDIT).accept(dataEnd - dataStart, 0);
  };
  assert.deepEqual([isTaken(MAX_DATA_BYTES), isTaken(MAX_DATA_BYTES + 1)], [true, false]);
});

test('an error that the capnp tool wrote is read, and written again byte for byte', () => {
  for (const { code, message, details, hex } of ERROR_PAYLOADS) {
    const envelope = encodeEnvelope('error', 'r-1', fromHex(hex));
    const decoder = new MessageDecoder();
    assert.equal(decoder.decode(envelope), 'error');
    const read = decodeIpcError(decoder.payload());
    assert.deepEqual(
      [read.code, read.message, Buffer.from(read.details ?? []).toString('hex')],
      [code, message, details],
    );
    const again = encodeIpcError({ code, message, details: fromHex(details) });
    assert.equal(Buffer.from(again).toString('hex'), hex);
  }
});
