import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { spawnModule } from 'ixt-sdk/host';

// The module as a host runs it: in a child process of its own.
const module = spawnModule({ file: new URL('../src/module.ts', import.meta.url), workers: 2 });
after(() => module.close());

test('sha256 answers with the digest of all that it was sent', async () => {
  const stream = module.openStream('sha256');
  await stream.send(Buffer.from('hello '));
  await stream.send(Buffer.from('world'));
  stream.end();
  assert.deepEqual(Buffer.from(await stream.bytes()), createHash('sha256').update('hello world').digest());
});

test('shout answers each chunk in capitals', async () => {
  const stream = module.openStream('shout');
  await stream.send(Buffer.from('hello'));
  stream.end();
  assert.equal(await stream.text(), 'HELLO');
});

test('shout refuses what is no text', async () => {
  const stream = module.openStream('shout');
  await stream.send(Uint8Array.of(0xff));
  stream.end();
  await assert.rejects(stream.bytes(), { code: 'invalidArgument' });
});
