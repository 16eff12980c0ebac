import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { IpcEnvelope_MessageType } from '../../../schema/generated/ipc.ts';
import { INITIAL_CREDIT, MAX_DATA_BYTES, MIN_DATA_COST } from '../../../src/wire/flow-limits.ts';
import { MESSAGE_TYPE, MESSAGE_TYPES, messageTypeFromNumber } from '../../../src/wire/message-type.ts';
import {
  isStreamIdText,
  parseStreamId,
  streamIdFromWords,
  streamIdWords,
} from '../../../src/wire/stream-id.ts';

function schema(name: string): string {
  return readFileSync(new URL(`../../../schema/${name}`, import.meta.url), 'utf8');
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test('the message types are those of the schema, number by number', () => {
  const body = /enum MessageType \{([^}]*)\}/.exec(schema('ipc.capnp'))?.[1] ?? '';
  const declared = [...body.matchAll(/^\s*(\w+) @(\d+);/gm)].map(([, name, number]) => [
    name,
    Number(number),
  ]);
  assert.deepEqual(
    declared,
    MESSAGE_TYPES.map((name) => [name, MESSAGE_TYPE[name]]),
  );
  assert.deepEqual(declared, Object.entries(MESSAGE_TYPE));
});

test('the message types are those of the generated enum', () => {
  const generated = Object.entries(IpcEnvelope_MessageType).map(([name, number]) => [
    name.toLowerCase().replaceAll('_', ''),
    number,
  ]);
  assert.deepEqual(
    generated,
    MESSAGE_TYPES.map((name) => [name.toLowerCase(), MESSAGE_TYPE[name]]),
  );
});

test('of all numbers only those of the schema are types', () => {
  for (let number = 0; number <= 0xffff; number += 1) {
    const type = messageTypeFromNumber(number);
    if (number < MESSAGE_TYPES.length) assert.equal(type && MESSAGE_TYPE[type], number);
    else assert.equal(type, undefined);
  }
  for (const number of [-1, 0.5, Number.NaN, Infinity, 2 ** 32])
    assert.equal(messageTypeFromNumber(number), undefined);
});

test('the constants are those of the schema', () => {
  const text = schema('ipc_streaming.capnp');
  const constant = (name: string): number =>
    Number(new RegExp(`^const ${name} :UInt32 = (\\d+);`, 'm').exec(text)?.[1]);
  assert.equal(INITIAL_CREDIT, constant('initialCredit'));
  assert.equal(MAX_DATA_BYTES, constant('maxDataBytes'));
  assert.equal(MIN_DATA_COST, constant('minDataCost'));
});

test('a stream id is 32 lower-case hex digits and nothing else', () => {
  const id = '0123456789abcdeffedcba9876543210';
  assert.equal(parseStreamId(id), id);
  const strangers = [
    '',
    id.slice(1),
    `${id}0`,
    id.toUpperCase(),
    `${id.slice(1)}g`,
    `${id.slice(1)}\n`,
    `${id}\n`,
    `0x${id.slice(2)}`,
  ];
  for (const text of [
    ...strangers,
    `${id.slice(1)} `,
    `${id.slice(2)}ü`,
    `${id.slice(1)}/`,
    `${id.slice(1)}:`,
    `${id.slice(1)}\``,
  ]) {
    assert.equal(parseStreamId(text), undefined, JSON.stringify(text));
    assert.equal(isStreamIdText(bytesOf(text), 0, bytesOf(text).length), false, JSON.stringify(text));
  }
  assert.ok(isStreamIdText(bytesOf(`>>${id}<<`), 2, 34));
  assert.ok(!isStreamIdText(bytesOf(`>>${id}<<`), 1, 33));
});

test('every byte but the sixteen digits is refused in an id', () => {
  for (let byte = 0; byte < 256; byte += 1) {
    const text = new Uint8Array(32).fill(0x30);
    text[17] = byte;
    assert.equal(isStreamIdText(text, 0, 32), /^[0-9a-f]$/.test(String.fromCharCode(byte)), String(byte));
  }
});

test('an id and its four words say the same, hi first', () => {
  const id = streamIdFromWords(0x0123_4567, 0x89ab_cdef, 0, 0xffff_ffff);
  assert.equal(id, '0123456789abcdef00000000ffffffff');
  assert.deepEqual(streamIdWords(id), [0x0123_4567, 0x89ab_cdef | 0, 0, -1]);
  assert.equal(streamIdFromWords(-1, 1, -0x8000_0000, 0), 'ffffffff000000018000000000000000');
});
