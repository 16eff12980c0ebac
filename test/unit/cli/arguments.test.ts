import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { milliseconds, integer, keyValue } from '../../../src/cli/terminal/arguments.ts';
import { chunksOf, writeChunk } from '../../../src/cli/call/files.ts';

test('a whole number is taken within its bounds only', () => {
  const parse = integer(1, 1024);
  assert.deepEqual(['1', '0017', '1024'].map(parse), [1, 17, 1024]);
  for (const text of ['0', '1025', '-1', '1.5', '1e2', '0x10', ' 1', '', 'NaN', 'Infinity']) {
    assert.throws(() => parse(text), InvalidArgumentError, `'${text}'`);
  }
});

test('key=value is cut at the first =, and further options add to the list', () => {
  const one = keyValue('a=1');
  assert.deepEqual(keyValue('b=x=y', one), [
    ['a', '1'],
    ['b', 'x=y'],
  ]);
  assert.deepEqual(keyValue('empty='), [['empty', '']]);
  assert.deepEqual(one, [['a', '1']]);
});

test('metadata without a key or a value says what it takes', () => {
  for (const text of ['file.js', '=x', '']) {
    assert.throws(() => keyValue(text), InvalidArgumentError, `'${text}'`);
  }
});

test('input is cut into chunks of at most 64 KiB and nothing is lost', async () => {
  const sizes = [1, 65_536, 65_537, 200_000];
  const input = sizes.map((size, at) => Buffer.alloc(size, at + 1));
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(Readable.from(input))) chunks.push(chunk);
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [1, 65_536, 65_536, 1, 65_536, 65_536, 65_536, 3_392],
  );
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(input)));
});

test('a write settles when the output has taken it, and rejects with the reason why it did not', async () => {
  let take: ((error?: Error) => void) | undefined;
  const output = new Writable({ write: (_chunk, _encoding, done) => (take = done) });
  output.on('error', () => undefined);
  let isSettled = false;
  const first = writeChunk(output, Buffer.from('a')).then(() => (isSettled = true));
  await new Promise(setImmediate);
  assert.equal(isSettled, false);
  take?.();
  await first;
  const second = writeChunk(output, Buffer.from('b'));
  take?.(new Error('the disk is full'));
  await assert.rejects(second, /the disk is full/);
});

test('a time is a number of milliseconds, or has a unit', () => {
  const times = Object.entries({ '250': 250, '250ms': 250, '1.5s': 1500, '2m': 120_000, '0.001s': 1 });
  for (const [text, ms] of times) assert.equal(milliseconds(text), ms, text);
  for (const text of ['', '0', '0ms', '-1', '1h', '5 s', 's', '1e3', '999999m', '0.0001s'])
    assert.throws(() => milliseconds(text), /like 250, 250ms, 1\.5s or 2m/, text);
});
