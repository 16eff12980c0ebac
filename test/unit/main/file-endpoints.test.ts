import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openSource, type WireSource } from '../../../src/main/input/source.ts';
import { openSink, type WireSink } from '../../../src/main/output/sink.ts';

/** More than one read brings, and no multiple of it. */
const BYTES = Uint8Array.from({ length: 700_001 }, (_, index) => index % 251);

function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-endpoint-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'wire');
}

/** The test closes what it opened, as a process does that ends: an endpoint must not close it under others. */
function opened(t: TestContext, path: string, flags: string): number {
  const descriptor = openSync(path, flags);
  t.after(() => closeSync(descriptor));
  return descriptor;
}

function written(sink: WireSink, bytes: Uint8Array): Promise<Error | undefined> {
  return new Promise((resolve) => sink.write(bytes, resolve));
}

test('a file as input comes whole and in order, and then its end, once', async (t) => {
  const path = temporaryFile(t);
  writeFileSync(path, BYTES);
  const chunks: Uint8Array[] = [];
  let ends = 0;
  await new Promise<void>((resolve) => {
    openSource(opened(t, path, 'r'), {
      onBytes: (bytes) => chunks.push(bytes.slice()),
      onEnd: () => {
        ends++;
        resolve();
      },
    });
  });
  assert.ok(chunks.length > 1, 'it came in one read');
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(BYTES));
  assert.equal(ends, 1);
});

test('a file as input that is paused within each read brings nothing until it is resumed', async (t) => {
  const path = temporaryFile(t);
  writeFileSync(path, BYTES);
  const chunks: Uint8Array[] = [];
  let isPaused = false;
  await new Promise<void>((resolve) => {
    const source: WireSource = openSource(opened(t, path, 'r'), {
      onBytes: (bytes) => {
        assert.equal(isPaused, false, 'bytes came while it was paused');
        chunks.push(bytes.slice());
        source.pause();
        isPaused = true;
        setImmediate(() => {
          isPaused = false;
          source.resume();
        });
      },
      onEnd: resolve,
    });
  });
  assert.deepEqual(Buffer.concat(chunks), Buffer.from(BYTES));
});

test('/dev/null as input is at its end at once', async (t) => {
  await new Promise<void>((resolve) => {
    openSource(opened(t, '/dev/null', 'r'), {
      onBytes: () => assert.fail('it has no bytes'),
      onEnd: resolve,
    });
  });
});

test('an input that can not be read is at its end', async (t) => {
  const path = temporaryFile(t);
  await new Promise<void>((resolve) => {
    openSource(opened(t, path, 'w'), { onBytes: () => assert.fail('it has no bytes'), onEnd: resolve });
  });
});

test('a file as output gets all bytes of each write, one behind the other', async (t) => {
  const path = temporaryFile(t);
  const sink = openSink(opened(t, path, 'w'), (error) => assert.fail(error));
  assert.equal(await written(sink, BYTES), undefined);
  assert.equal(await written(sink, BYTES.subarray(0, 7)), undefined);
  assert.deepEqual(readFileSync(path), Buffer.concat([BYTES, BYTES.subarray(0, 7)]));
});

test('/dev/null as output takes everything', async (t) => {
  const sink = openSink(opened(t, '/dev/null', 'w'), (error) => assert.fail(error));
  assert.equal(await written(sink, BYTES), undefined);
});

test('a full device as output fails the write with its error', async (t) => {
  const told: (string | undefined)[] = [];
  const sink = openSink(opened(t, '/dev/full', 'w'), ({ code }: NodeJS.ErrnoException) => told.push(code));
  const error: NodeJS.ErrnoException | undefined = await written(sink, BYTES);
  assert.equal(error?.code, 'ENOSPC');
  assert.ok(told.every((code) => code === 'ENOSPC'));
});
