import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  DEFAULT_WIRE_LIMITS,
  encodeEnvelope,
  Framer,
  MalformedError,
  MAX_REQUEST_ID_BYTES,
  MessageDecoder,
} from '../../../src/wire/index.ts';
import { examplesOf } from '../../support/doc-examples.ts';
import { ENVELOPES, FRAME_MESSAGES } from '../golden/wire.ts';

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
