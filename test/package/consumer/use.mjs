// An ES module of a project that has installed the package.
import assert from 'node:assert/strict';
import { ModuleError } from 'ixt-sdk';
import { ModuleError as HostError, spawnModule } from 'ixt-sdk/host';
import { mockStream, testModule } from 'ixt-sdk/testing';
import digest from './digest.mjs';

// printf hello | sha256sum
const EXPECTED = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
const hello = new TextEncoder().encode('hello');

/** @param {{ send(data: Uint8Array): Promise<void>, end(): void } & AsyncIterable<Uint8Array>} stream */
async function digestOf(stream) {
  await stream.send(hello);
  stream.end();
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('hex');
}

const refusal = new HostError('unavailable', 'no');
assert.ok(refusal instanceof ModuleError && new ModuleError('internal', '') instanceof HostError);
assert.match(refusal.stack, /^ModuleError: no\n/);
const child = spawnModule({ file: new URL('digest.mjs', import.meta.url), workers: 1 });
assert.equal(await digestOf(child.openStream('sha256')), EXPECTED);
const { value: caught } = await child.openStream('caught').next();
assert.equal(Buffer.from(caught).toString('utf8'), 'true');
assert.equal((await child.close()).code, 0);
for (const options of [{}, { file: new URL('digest.mjs', import.meta.url) }]) {
  const t = await testModule(digest, options);
  assert.equal(await digestOf(t.open('sha256')), EXPECTED);
  await t.close();
}
// A compiled module's stack shows the TypeScript that it was made of.
const stacks = spawnModule({ file: new URL('stack.mjs', import.meta.url), workers: 1 });
const { value: stack } = await stacks.openStream('stack').next();
assert.match(Buffer.from(stack).toString('utf8'), /stack\.ts:12:/);
await stacks.close();
const mock = mockStream({ input: [hello] });
assert.equal((await mock.run(digest.onServerStream.sha256)).code, 'close');
assert.equal(Buffer.from(mock.sent[0]).toString('hex'), EXPECTED);
