import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandleRequest, KvChange } from '../../schema/generated/ipc.ts';
import { capnp } from '../../src/capnp/index.ts';
import { defineMethod, defineModule, many, one } from '../../src/index.ts';
import { testModule } from '../../src/testing/index.ts';
import { bytesPointer, byteWords, message, NULL, structPointer } from '../support/wire-words.ts';

const shapes = {
  // One change for each request, with what the request's method says as its key.
  keys: defineMethod({ input: many(capnp(HandleRequest)), output: many(capnp(KvChange)) }),
  size: defineMethod({ input: one(capnp(HandleRequest)), output: one(capnp(KvChange)) }),
};

const structs = defineModule({
  name: 'structs',
  version: '1.0.0',
  onServerStream: {
    keys: shapes.keys.handler(function* (requests) {
      for (const { context } of requests) {
        yield (change) => {
          change.key = context.method;
        };
      }
    }),
    // A synchronous one would start in the kit when all has been sent, which waits for credit here.
    size: shapes.size.handler(async ({ body }) => {
      await Promise.resolve();
      return (change) => {
        change.version = BigInt(body.length);
      };
    }),
  },
});

const asks =
  (method: string) =>
  (request: HandleRequest): void => {
    request._initContext().method = method;
  };

test('structs go in and come out, one or many, of any size', async () => {
  const t = await testModule(structs);
  const keys = t.open('keys');
  for (const method of ['a', 'ü']) await keys.send(asks(method));
  keys.end();
  const changes: KvChange[] = await keys.collect();
  assert.deepEqual(
    changes.map(({ key }) => key),
    ['a', 'ü'],
  );
  const size = t.open('size');
  // More than a frame holds: the message travels in several.
  await size.send((request) => void request._initBody(3_000_000));
  size.end();
  const [change] = await size.collect();
  assert.equal(change?.version, 3_000_000n);
  await t.close();
});

test('damaged bytes, and those of another type, end the stream with invalidArgument', async () => {
  const t = await testModule(structs);
  const textForContext = message([structPointer(0, 0, 2), bytesPointer(1, 2), NULL, ...byteWords([0x61, 0])]);
  const damaged = message([structPointer(9, 0, 2)]);
  const cut = textForContext.subarray(0, 20);
  for (const [bytes, why] of [
    [damaged, /malformed message \(segment-bounds\)/],
    [textForContext, /not of the type that is read/],
    [cut, /ends 20 bytes into a Cap’n Proto message/],
  ] as const) {
    const stream = t.open('keys');
    await stream.raw.send(bytes);
    stream.end();
    await assert.rejects(stream.collect(), { name: 'ModuleError', code: 'invalidArgument', message: why });
  }
  const sound = t.open('keys');
  await sound.send(asks('still here'));
  sound.end();
  assert.equal((await sound.collect())[0]?.key, 'still here');
  await t.close();
});
