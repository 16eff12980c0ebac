import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERROR_CODES, ModuleError } from '../../../src/errors.ts';
import { RING_BYTES } from '../../../src/shared-memory/layout.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import type { StreamId } from '../../../src/wire/stream-id.ts';
import { cutUtf8 } from '../../../src/base/text.ts';
import { textOf } from '../../../src/base/thrown.ts';
import { reportOf } from '../../../src/worker/error-report.ts';
import { HOSTILE } from './hostile-values.ts';

const LIMIT = 4096;

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

test('an error without a code is handlerFailed with its message, and never its stack', () => {
  for (const thrown of [
    new Error('boom'),
    new TypeError('boom'),
    Object.assign(new Error('boom'), { code: 'ENOENT' }),
  ]) {
    assert.deepEqual(reportOf(thrown, LIMIT), { code: 'handlerFailed', message: 'boom' });
  }
  const report = reportOf(new Error('boom'), LIMIT);
  assert.ok(!JSON.stringify(report).includes('error-report.test'));
});

test('instanceof knows a ModuleError of another copy of the package, but no other error for one of its subclasses', async () => {
  const file = new URL('../../../src/errors.ts?another', import.meta.url).href;
  const { ModuleError: Another } = (await import(file)) as { ModuleError: typeof ModuleError };
  class Refusal extends ModuleError {
    override readonly name = 'Refusal';
  }
  const theirs = new Another('unavailable', 'no');
  assert.notEqual(Another, ModuleError);
  assert.ok(theirs instanceof ModuleError);
  assert.ok(!(theirs instanceof Refusal));
  assert.ok(new Refusal('unavailable', 'no') instanceof Refusal);
  assert.ok(new Refusal('unavailable', 'no') instanceof ModuleError);
  for (const other of [new Error('no'), Object.assign(new Error('no'), { code: 'unavailable' }), undefined])
    assert.ok(!((other as unknown) instanceof ModuleError));
});

test('a ModuleError chooses its code and details', () => {
  for (const code of ERROR_CODES) {
    const details = new Uint8Array([1, 2]);
    assert.deepEqual(reportOf(new ModuleError(code, 'why', { details }), LIMIT), {
      code,
      message: 'why',
      details,
    });
  }
});

test('a ModuleError of another copy of the package is known by its name and code', () => {
  const foreign = Object.assign(new Error('why'), {
    name: 'ModuleError',
    code: 'unavailable',
    details: new Uint8Array([7]),
  });
  assert.deepEqual(reportOf(foreign, LIMIT), {
    code: 'unavailable',
    message: 'why',
    details: new Uint8Array([7]),
  });
  const plain = { name: 'ModuleError', message: 'why', code: 'cancelled' };
  assert.deepEqual(reportOf(plain, LIMIT), { code: 'cancelled', message: 'why' });
});

test('a code that isn’t one of the protocol’s does not get out', () => {
  for (const code of ['nonsense', 'toString', '', 5, undefined, null]) {
    const thrown = Object.assign(new Error('why'), { name: 'ModuleError', code });
    assert.equal(reportOf(thrown, LIMIT).code, 'handlerFailed');
  }
  const details = Object.assign(new Error('why'), { name: 'ModuleError', code: 'internal', details: 'text' });
  assert.deepEqual(reportOf(details, LIMIT), { code: 'internal', message: 'why' });
});

test('whatever is thrown has a text', () => {
  assert.match(reportOf('text', LIMIT).message, /threw text/);
  assert.match(reportOf(undefined, LIMIT).message, /threw undefined/);
  assert.match(reportOf(null, LIMIT).message, /threw null/);
  assert.match(reportOf(5n, LIMIT).message, /threw 5/);
  assert.match(reportOf(Symbol('s'), LIMIT).message, /Symbol\(s\)/);
  assert.equal(reportOf(Object.create(null), LIMIT).code, 'handlerFailed');
});

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`a handler that throws ${what} still gets its one report`, () => {
    const { code, message } = reportOf(make(), LIMIT);
    assert.equal(code, 'handlerFailed');
    assert.equal(typeof message, 'string');
  });

  test(`whoever prints ${what} gets a text`, () => {
    for (const part of ['message', 'stack'] as const) assert.equal(typeof textOf(make(), part), 'string');
  });
}

test('an error’s text is its message, or its stack where that is asked for', () => {
  const error = new Error('why');
  assert.equal(textOf(error), 'why');
  assert.equal(textOf(error, 'stack'), error.stack);
  assert.equal(textOf('text'), 'text');
});

test('a message is cut to the limit in bytes, at a character', () => {
  for (const text of ['x'.repeat(5000), 'é'.repeat(5000), '語'.repeat(5000), '😀'.repeat(5000)]) {
    const { message } = reportOf(new Error(text), LIMIT);
    assert.ok(byteLength(message) <= LIMIT);
    assert.ok(byteLength(message) > LIMIT - 4, 'no more than a character is lost');
    assert.ok(text.startsWith(message));
  }
  assert.equal(reportOf(new Error('x'.repeat(LIMIT)), LIMIT).message.length, LIMIT);
  assert.ok(byteLength(reportOf('x'.repeat(5000), LIMIT).message) <= LIMIT);
});

test('any text is cut to valid UTF-8 within the limit, and short texts are left alone', () => {
  const text = fc.string({ unit: 'binary', maxLength: 80 });
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 60 }), (whole, limit) => {
      const cut = cutUtf8(whole, limit);
      const encoded = new TextEncoder().encode(cut);
      assert.ok(encoded.length <= limit);
      new TextDecoder('utf-8', { fatal: true }).decode(encoded);
      if (byteLength(whole) <= limit) assert.equal(byteLength(cut), byteLength(whole));
    }),
    { numRuns: 1000 },
  );
});

test('an error frame fits the ring that it must leave by, whatever its details', () => {
  const thrown = new ModuleError('internal', 'x'.repeat(10_000), { details: new Uint8Array(3 << 20) });
  const frame = new FrameEncoder('00000000000000000000000000000001' as StreamId).error(
    reportOf(thrown, LIMIT),
  );
  // A frame that never fits is never sent: the stream would have no end.
  assert.ok(frame.length <= RING_BYTES, `${frame.length} bytes`);
});
