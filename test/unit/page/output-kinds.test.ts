import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBase64, toBase64 } from '../../../page/base/base64.ts';
import { bytesOfHex } from '../../../page/call/input.ts';
import { logLine } from '../../../page/log/log-lines.ts';
import { hexDump, imageType, isText, jsonValues } from '../../../page/output/kinds.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));

test('images are known by their first bytes, and a document of XML is none', () => {
  assert.equal(imageType(new Uint8Array(Buffer.from('89504e470d0a1a0a00', 'hex'))), 'image/png');
  assert.equal(imageType(new Uint8Array(Buffer.from('ffd8ffe0', 'hex'))), 'image/jpeg');
  assert.equal(imageType(bytes('RIFF0000WEBPVP8 ')), 'image/webp');
  assert.equal(imageType(bytes('<svg xmlns="http://www.w3.org/2000/svg"/>')), undefined);
  assert.equal(imageType(bytes('BM is the beginning of a text')), undefined);
});

test('text is UTF-8 without control characters, however it was cut', () => {
  assert.equal(isText(bytes('grüße\n')), true);
  assert.equal(isText(bytes(`${'x'.repeat(4095)}ü`)), true);
  assert.equal(isText(new Uint8Array([0, 1, 2])), false);
  assert.equal(isText(new Uint8Array([0xff, 0xfe])), false);
  // What the one before has left in the decoder must not count.
  assert.equal(isText(bytes('ok')), true);
});

test('values of JSON are found over all frames, in each frame, and in each line', () => {
  assert.deepEqual(jsonValues([bytes('{"a":'), bytes('1}')], 10), [{ a: 1 }]);
  assert.deepEqual(jsonValues([bytes('{"a":1}'), bytes('{"a":2}')], 10), [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(jsonValues([bytes('1\n2'), bytes('3\n')], 10), [1, 23]);
  assert.equal(jsonValues([bytes('no')], 10), undefined);
});

test('hex is read as it is written, and mistakes are said', () => {
  assert.deepEqual([...bytesOfHex('0x68 65:6C\n6c')], [0x68, 0x65, 0x6c, 0x6c]);
  assert.throws(() => bytesOfHex('6'), /one is missing/);
  assert.throws(() => bytesOfHex('zz'), /digits/);
  assert.equal(hexDump(bytes('hello, page <b>')).includes('68 65 6c 6c 6f 2c 20 70  61 67 65'), true);
});

test('base64 is the one that Node knows', () => {
  const all = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251);
  assert.equal(toBase64(all), Buffer.from(all).toString('base64'));
  assert.deepEqual(fromBase64(toBase64(all)), all);
});

test('a log line of the runner is taken apart, and what somebody printed stays as it is', () => {
  const line = {
    level: 'error',
    message: 'it failed',
    method: 'm',
    error: { stack: 'Error: why\n    at /a.ts:1:2' },
  };
  assert.deepEqual(logLine(JSON.stringify(line)), {
    level: 'error',
    text: 'Error: why\n    at /a.ts:1:2',
    method: 'm',
  });
  assert.equal(logLine('{"level":3}').level, 'print');
  assert.equal(logLine('{').text, '{');
});
