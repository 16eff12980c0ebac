import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Message } from 'capnp-es';
import { HandleRequest, InvocationContext, KvChange } from '../../../schema/generated/ipc.ts';
import { capnp } from '../../../src/capnp/index.ts';
import { isModuleError } from '../../../src/errors.ts';
import { buildMessage, readLayout } from '../../support/layout.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import {
  bytesPointer,
  byteWords,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
} from '../../support/wire-words.ts';

const layout = readLayout();
const context = {
  method: 'echo',
  deadlineUnixMs: 5n,
  metadata: [
    { key: 'a', value: 'b' },
    { key: 'ü', value: '' },
  ],
};
const request = buildMessage(layout, 'HandleRequest', { context, body: Uint8Array.of(1, 2, 3) });
const requests = capnp(HandleRequest);

/** Reads everything that the request says. */
function said(value: HandleRequest): unknown[] {
  const { method, deadlineUnixMs, metadata } = value.context;
  const pairs = metadata.map(({ key, value: text }) => [key, text]);
  return [method, deadlineUnixMs, pairs, [...value.body.toUint8Array()]];
}

const EXPECTED = [
  'echo',
  5n,
  [
    ['a', 'b'],
    ['ü', ''],
  ],
  [1, 2, 3],
];

test('messages cut anywhere come out as they were sent', () => {
  const three = new Uint8Array(Buffer.concat([request, request, request]));
  for (let cut = 0; cut <= request.length; cut++) {
    const decoder = requests.decoder();
    const parts = [three.subarray(0, cut), three.subarray(cut, 2 * cut), three.subarray(2 * cut)];
    const values = parts.flatMap((part) => [...decoder.push(part)]) as HandleRequest[];
    assert.deepEqual(values.map(said), [EXPECTED, EXPECTED, EXPECTED], `cut at ${cut}`);
    assert.deepEqual([...decoder.end()], []);
  }
});

test('what is sent is what the compiler’s listing says, by a function or by a struct', () => {
  const changes = capnp(KvChange);
  const expected = buildMessage(layout, 'KvChange', { operation: 'delete', version: 7n, key: 'colour' });
  const fill = (root: KvChange): void => {
    root.operation = 1;
    root.version = 7n;
    root.key = 'colour';
  };
  assert.deepEqual(changes.encode(fill), expected);
  const struct = new Message().initRoot(KvChange);
  fill(struct);
  assert.deepEqual(changes.encode(struct), expected);
  const [received] = changes.decoder().push(expected);
  assert.deepEqual(changes.encode(received), expected);
  assert.throws(
    () => changes.encode({ key: 'colour' }),
    /capnp\(\) sends a KvChange, or a function that fills one/,
  );
  assert.deepEqual([changes.name, changes.typeName, changes.mayCut], ['capnp', 'KvChange', true]);
});

test('a part of a received message can be sent in another one', () => {
  const [value] = requests.decoder().push(request) as Iterable<HandleRequest>;
  assert.ok(value instanceof HandleRequest);
  const contexts = capnp(InvocationContext);
  const [copy] = contexts.decoder().push(contexts.encode(value.context)) as Iterable<InvocationContext>;
  assert.equal(copy?.metadata.at(1).key, 'ü');
});

test('values ahead of damaged bytes are given before those throw', () => {
  const damaged = request.slice();
  damaged[8] = 0xff;
  for (const behind of [damaged, new Uint8Array(8).fill(0xff)]) {
    const values: unknown[] = [];
    const payload = new Uint8Array(Buffer.concat([request, behind]));
    const read = (): void => {
      for (const value of requests.decoder().push(payload)) values.push(said(value as HandleRequest));
    };
    assert.throws(read, { name: 'MalformedError' });
    assert.deepEqual(values, [EXPECTED]);
  }
});

test('an input that ends inside a message is an error', () => {
  const decoder = requests.decoder();
  assert.deepEqual([...decoder.push(request.subarray(0, 20))], []);
  assert.throws(() => [...decoder.end()], /it ends 20 bytes into a Cap’n Proto message/);
});

test('bytes of another type are an invalidArgument where they are read', () => {
  const isInvalid = { name: 'ModuleError', code: 'invalidArgument', message: /not of the type that is read/ };
  // The context's place has a text, and the body's a struct.
  const swapped = message([
    structPointer(0, 0, 2),
    bytesPointer(1, 2),
    structPointer(1, 1, 0),
    ...byteWords([0x61, 0]),
    NULL,
  ]);
  const [value] = requests.decoder().push(swapped) as Iterable<HandleRequest>;
  assert.ok(value);
  assert.throws(() => value.context, isInvalid);
  assert.throws(() => value.body.toUint8Array(), isInvalid);
  // A list of texts where entries are expected, and a text without its NUL.
  const metadata = [listPointer(0, 6, 1), bytesPointer(0, 2), ...byteWords([0x61, 0])];
  const lists = message([
    structPointer(0, 1, 7),
    NULL,
    bytesPointer(6, 0),
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    ...metadata,
  ]);
  const [wrong] = capnp(InvocationContext).decoder().push(lists) as Iterable<InvocationContext>;
  assert.ok(wrong);
  assert.throws(() => wrong.invocationId, isInvalid);
  assert.throws(() => wrong.metadata.map(({ key }) => key), isInvalid);
  assert.throws(() => [...requests.decoder().push(message([listPointer(0, 2, 0)]))], {
    name: 'MalformedError',
  });
});

test('an error of the handler’s own callback stays its own', () => {
  const [value] = requests.decoder().push(request) as Iterable<HandleRequest>;
  const thrown = new Error('CAPNP-TS024 by chance');
  assert.throws(
    () =>
      value?.context.metadata.map(() => {
        throw thrown;
      }),
    thrown,
  );
});

test('a few bytes that stand for millions of elements are refused before they are copied', () => {
  const bomb = message([
    structPointer(0, 1, 7),
    ...Array.from({ length: 7 }, () => NULL),
    listPointer(0, 7, 0),
    tag(1 << 22, 0, 0),
  ]);
  assert.throws(
    () => [...capnp(InvocationContext).decoder().push(bomb)],
    /visit more words than the limit allows/,
  );
});

test('whatever is damaged, decoding and reading give a value or one of the two errors', () => {
  const random = seededRandom(20_261_130);
  for (let round = 0; round < 20_000; round++) {
    const damaged = request.slice();
    for (let flips = 0; flips < 1 + (round % 3); flips++) {
      const at = Math.floor(random() * damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
    try {
      for (const value of requests.decoder().push(damaged)) said(value as HandleRequest);
    } catch (error) {
      const isExpected = isModuleError(error) || (error instanceof Error && error.name === 'MalformedError');
      assert.ok(isExpected, `round ${round}: ${String(error)}`);
    }
  }
});
