import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EnvelopeDecoder } from '../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../src/wire/frame.ts';
import { capnp, decodeToText } from '../support/capnp.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

function readProjectFile(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

test('the golden listing is what the compiler says of the schemas today', () => {
  const listing = capnp(['compile', '-ocapnp', 'ipc.capnp', 'ipc_streaming.capnp'], '').toString();
  const normalised = listing.replaceAll(/[ \t]+$/gm, '');
  assert.equal(normalised, readProjectFile('test/unit/golden/layout.txt'), 'run npm run sync-schemas');
});

test('every field, enumerant and struct of the schemas has a comment', () => {
  for (const file of ['ipc.capnp', 'ipc_streaming.capnp']) {
    const lines = readProjectFile(`schema/${file}`).split('\n');
    lines.forEach((line, i) => {
      const declares = /^\s*(\w+ @\d+( :.*)?;|(struct|enum|const) .*|\w+ :group \{)$/.test(line);
      if (declares) assert.match(lines[i + 1]!, /^\s*# \S/, `${file}, line ${i + 1}: ${line.trim()}`);
    });
  }
});

test("the protocol page's message, byte by byte, is what the page says", () => {
  const section = readProjectFile('schema/README.md').split('### A message, byte by byte')[1]!;
  const block = /```text\n(.*?)```/s.exec(section)![1]!;
  const words = block
    .trimEnd()
    .split('\n')
    .map((line) => /^((?:[0-9a-f]{2} ){8}) /.exec(line)![1]!);
  const message = new Uint8Array(Buffer.from(words.join('').replaceAll(' ', ''), 'hex'));

  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  envelope.decode(message, 0, message.length);
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(message, envelope.payloadStart, envelope.payloadEnd);
  assert.equal(frame.arm, FRAME_ARM.data);
  assert.ok(frame.idMatches(message, envelope.requestIdStart));

  const nested = envelope.payload();
  const [text] = decodeToText('IpcEnvelope', [message]);
  assert.match(text!, /messageType = streamFrame, requestId = "000102030405060708090a0b0c0d0e0f"/);
  assert.deepEqual(decodeToText('StreamFrame', [nested]), [
    `(streamId = (hi = ${0x0001_0203_0405_0607n}, lo = ${0x0809_0a0b_0c0d_0e0fn}), data = "hi")`,
  ]);
});
