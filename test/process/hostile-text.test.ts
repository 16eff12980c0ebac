import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { built } from '../support/built.ts';
import { rawSession, startModule } from '../support/module.ts';
import { call, callForOne, endsWith, LIMIT, newStreamId } from './helpers.ts';
import {
  bytesPointer,
  byteWords,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
} from '../support/wire-words.ts';

const textOf = (bytes: Uint8Array | undefined): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

test('a method may be named as what every object has, and only an own one is called', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('hostile-names'), workers: 1 });
  for (const method of ['__proto__', 'constructor'])
    assert.equal(textOf(await callForOne(module, method)), `own ${method}`);
  const { methods } = await module.initialize();
  assert.deepEqual(methods, ['__proto__', 'constructor', 'print', 'throws']);
  for (const method of ['toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'prototype', 'print '])
    await endsWith(module.openStream(method), 'methodNotFound');
});

test('metadata comes through as it was sent, whatever its keys and characters', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  const metadata = [
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['toString', 'c'],
    ['\u{feff}mark', '\u{feff}\u{feff}'],
    ['nul\0', 'a\0b\0'],
    ['', 'no key'],
    ['none', ''],
    ['\u{10ffff}', '\u202e\u2028\u0085'],
  ] as const;
  const context = JSON.parse(textOf(await callForOne(module, 'context', { metadata }))) as {
    metadata: Record<string, string>;
  };
  assert.deepEqual(
    Object.entries(context.metadata),
    metadata.map((entry) => [...entry]),
  );
  // A host whose strings have half a character sends what its encoder makes of it.
  const lone = JSON.parse(textOf(await callForOne(module, 'context', { metadata: { k: '\ud800x' } }))) as {
    metadata: Record<string, string>;
  };
  assert.equal(lone.metadata['k'], '\ufffdx');
});

test('10,000 entries, and half a character in the bytes, are refused', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  const metadata = Array.from({ length: 10_000 }, (_, i) => [`k${i}`, ''] as const);
  assert.match(await endsWith(module.openStream('context', { metadata }), 'invalidArgument'), /\b65536\b/);

  const id = newStreamId();
  const word = (at: number): number => Number.parseInt(id.slice(at, at + 8), 16);
  const stream = rawSession(module).adoptStream(id);
  const payload = message([
    ...([structPointer(0, 3, 1), [word(8), word(0)], [word(24), word(16)], NULL] as const),
    ...([structPointer(0, 1, 1), NULL, structPointer(0, 1, 7), NULL] as const),
    ...([NULL, NULL, NULL, NULL, NULL, NULL, listPointer(0, 7, 2), tag(1, 0, 2)] as const),
    ...([bytesPointer(1, 4), NULL] as const),
    ...byteWords([0xed, 0xa0, 0x80, 0]),
  ]);
  rawSession(module).sendRaw(encodeEnvelope('streamFrame', id, payload));
  assert.match(await endsWith(stream, 'protocolViolation'), /UTF-8/);
  await module.health();
});

const SECRETS = {
  context: { caller: 'SECRET caller', tenant: 'SECRET tenant', tracestate: 'SECRET=state' },
  metadata: { key: 'SECRET value' },
};

test('what a handler prints of its stream and its context has no secrets in it', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('hostile-names'), workers: 1 });
  const [inspected, json] = (await call(module, 'print', SECRETS)).map(textOf);
  for (const printed of [inspected, json]) assert.doesNotMatch(printed ?? '', /SECRET/);
  assert.match(json ?? '', /redacted/);
  await module.shutdown();
  const { stderr } = await module.exited;
  assert.match(stderr, /redacted/);
  assert.doesNotMatch(stderr, /SECRET/);
  const line = stderr.split('\n').find((text) => text.includes('line one'));
  assert.ok(line?.includes('line one\\nline two \\u001b[31m'), 'a log line stays one line');
});

test('an error says its message and no stack, on the wire and in the logs', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('hostile-names'), workers: 1 });
  const text = await endsWith(module.openStream('throws'), 'handlerFailed');
  assert.equal(text, 'first line\nsecond line \u001b[31m \0 end');
  // What can't be read names its place in the message, not in our sources.
  const answer = rawSession(module).expectAnswer('bad\n\u001b[31m');
  rawSession(module).sendRaw(encodeEnvelope('handle', 'bad\n\u001b[31m', new Uint8Array(9)));
  await assert.rejects(answer, (error: Error) => {
    assert.doesNotMatch(error.message, /\.ts|\.js|^ +at /m);
    return true;
  });
  rawSession(module).sendRaw(encodeEnvelope('health', '', EMPTY_PAYLOAD));
  const { code, stderr } = await module.exited;
  assert.equal(code, 76);
  // eslint-disable-next-line no-control-regex -- control characters are what must not be there
  assert.doesNotMatch(stderr, /^ +at .*:\d+:\d+|\u001b|\0/m);
  assert.match(stderr, /malformed message/);
});
