import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeEntry,
  encodeHeader,
  isRecording,
  parseRecording,
  type Entry,
  type RecordingHeader,
} from '../../../src/cli/recording/file-format.ts';
import { EventJson, EventRenderer, jsonReplacer, preview } from '../../../src/cli/recording/render.ts';
import { timelineOf, type WireEvent } from '../../../src/cli/recording/timeline.ts';
import { encodeEnvelope } from '../../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { parseStreamId } from '../../../src/wire/stream-id.ts';

const HEADER: RecordingHeader = { command: ['x', 'ü'], cwd: '/', startedUnixMs: 1234.5, version: '1.0.0' };
const ENTRIES: readonly Entry[] = [
  { kind: 'hostBytes', at: 0.25, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'moduleEnd', at: 1e9, bytes: new Uint8Array(0) },
  { kind: 'exit', at: 1e9 + 1, bytes: Buffer.from('{"code":0,"signal":null}') },
];
const FILE = Buffer.concat([encodeHeader(HEADER), ...ENTRIES.map(encodeEntry)]);

const ID = parseStreamId('0123456789abcdef0123456789abcdef');
assert.ok(ID);
const FRAMES = new FrameEncoder(ID);
const OPEN = encodeOpenFrame(ID, { method: 'echo', metadata: [['key', 'a b']] });
const HEALTH = encodeEnvelope('health', 'r1', new Uint8Array(0));

test('the first bytes of a recording are its name, the header’s length and JSON', () => {
  // Against the layout that the format's page gives, not against the encoder.
  const json = JSON.stringify(HEADER);
  assert.equal(FILE.subarray(0, 16).toString(), 'ixt-recording 1\n');
  assert.equal(FILE.readUInt32LE(16), Buffer.byteLength(json));
  assert.equal(FILE.subarray(20, 20 + Buffer.byteLength(json)).toString(), json);
  const first = FILE.subarray(20 + Buffer.byteLength(json));
  assert.deepEqual([first[0], first.readDoubleLE(1), first.readUInt32LE(9)], [0, 0.25, 3]);
});

test('what was written is read again', () => {
  const { header, entries, isCut } = parseRecording(FILE);
  assert.deepEqual(header, HEADER);
  assert.equal(isCut, false);
  assert.deepEqual(
    entries.map((entry) => ({ ...entry, bytes: [...entry.bytes] })),
    ENTRIES.map((entry) => ({ ...entry, bytes: [...entry.bytes] })),
  );
});

test('a recording that is cut anywhere is read up to there', () => {
  const headerBytes = encodeHeader(HEADER).length;
  for (let end = headerBytes; end < FILE.length; end += 1) {
    const { entries, isCut } = parseRecording(FILE.subarray(0, end));
    let whole = headerBytes;
    let expected = 0;
    for (const entry of ENTRIES) {
      whole += encodeEntry(entry).length;
      if (whole <= end) expected += 1;
    }
    assert.equal(entries.length, expected, `cut at ${end}`);
    const ends = ENTRIES.map((_entry, at) =>
      ENTRIES.slice(0, at).reduce((sum, entry) => sum + encodeEntry(entry).length, headerBytes),
    );
    assert.equal(isCut, !ends.includes(end), `cut at ${end}`);
  }
});

test('what is no recording is refused', () => {
  assert.equal(isRecording(Buffer.from('ixt-recording 2\n')), false);
  assert.throws(() => parseRecording(Buffer.from('text')), /no recording/);
  assert.throws(() => parseRecording(FILE.subarray(0, 18)), /inside its header/);
  const unknown = Buffer.from(FILE);
  unknown[encodeHeader(HEADER).length] = 9;
  assert.throws(() => parseRecording(unknown), /unknown kind/);
});

test('messages are found at whatever chunk boundaries, each side by itself', () => {
  const host = Buffer.concat([OPEN, HEALTH]);
  const entries: Entry[] = [...host].map((byte, at) => ({
    kind: 'hostBytes',
    at,
    bytes: Uint8Array.of(byte),
  }));
  entries.splice(7, 0, { kind: 'moduleBytes', at: 6.5, bytes: FRAMES.close() });
  const events = timelineOf(entries);
  assert.deepEqual(
    events.map((event) => [event.kind, event.at]),
    [
      ['message', 6.5],
      ['message', OPEN.length - 1],
      ['message', host.length - 1],
    ],
  );
  assert.deepEqual(Buffer.from(messageOf(events[1])), Buffer.from(OPEN));
  assert.deepEqual(Buffer.from(messageOf(events[2])), Buffer.from(HEALTH));
});

function messageOf(event: WireEvent | undefined): Uint8Array {
  assert.ok(event?.kind === 'message');
  return event.message;
}

test('bytes that are no message are kept, with what was wrong, and so is what follows them', () => {
  // A segment table that declares 2^32 segments.
  const hostile = Buffer.alloc(8, 0xff);
  const events = timelineOf([
    { kind: 'hostBytes', at: 1, bytes: Buffer.concat([HEALTH, hostile]) },
    { kind: 'hostBytes', at: 2, bytes: Uint8Array.of(7) },
    { kind: 'hostEnd', at: 3, bytes: new Uint8Array(0) },
    { kind: 'moduleBytes', at: 4, bytes: HEALTH.subarray(0, 9) },
  ]);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['message', 'broken', 'broken', 'end', 'broken'],
  );
  const [, first, second, , cut] = events;
  assert.ok(first?.kind === 'broken' && second?.kind === 'broken' && cut?.kind === 'broken');
  assert.deepEqual([Buffer.from(first.bytes), second.bytes[0]], [hostile, 7]);
  assert.match(first.why, /segments/);
  assert.match(cut.why, /cut off/);
});

test('a readable line says time, direction, stream and content', () => {
  const renderer = new EventRenderer();
  const line = (from: 'host' | 'module', message: Uint8Array): string =>
    renderer.render({ kind: 'message', at: 1500, from, message });
  assert.match(
    line('host', OPEN),
    /^ +1\.500000 s {2}host → module {2}stream 1 {3}open 0123456789abcdef0123456789abcdef echo key="a b", credit 262,144$/,
  );
  const data = Buffer.concat([FRAMES.dataHeader(2), Buffer.from('hi'), Buffer.alloc(6)]);
  assert.match(line('module', data), /host ← module {2}stream 1 {3}data 2 B "hi"$/);
  assert.match(line('host', FRAMES.cancel('no\u001b[2J')), /cancel "no\\u001b\[2J"$/);
  assert.match(line('host', HEALTH), /request r1 health$/);
  assert.match(line('host', Uint8Array.from(HEALTH).fill(0xff, 8, 16)), /unreadable: malformed/);
  const exit = renderer.render({ kind: 'exit', at: 0, exit: { code: null, signal: 'SIGKILL' } });
  assert.match(exit, /the module was ended by SIGKILL$/);
});

test('as JSON a message is complete, with bytes as text or base64', () => {
  const json = new EventJson();
  const parsed = (message: Uint8Array): unknown =>
    JSON.parse(
      JSON.stringify(json.json({ kind: 'message', at: 1.00049, from: 'host', message }), jsonReplacer),
    );
  const bytes = 300;
  const data = Buffer.concat([FRAMES.dataHeader(bytes), Buffer.alloc(304, 0xfe).fill(0, bytes)]);
  assert.deepEqual(parsed(data), {
    ms: 1,
    from: 'host',
    stream: ID,
    bytes: data.length,
    kind: 'data',
    data: { base64: Buffer.alloc(bytes, 0xfe).toString('base64') },
  });
  const credit = FRAMES.credit(77);
  assert.deepEqual(parsed(credit), {
    ...{ ms: 1, from: 'host', stream: ID, bytes: credit.length },
    ...{ kind: 'credit', credit: 77 },
  });
  const open = parsed(OPEN) as { context: { method: string; metadata: unknown } };
  assert.deepEqual([open.context.method, open.context.metadata], ['echo', [['key', 'a b']]]);
});

test('a preview is text where the bytes are text, even where a character is cut, and hex else', () => {
  assert.equal(preview(Buffer.from('hi\n')), '"hi\\n"');
  assert.match(preview(Buffer.from(`${'a'.repeat(31)}ü`)), /^"a+.*" …$/);
  assert.equal(preview(Uint8Array.of(0, 255)), '00ff');
});
