import assert from 'node:assert/strict';
import { test } from 'node:test';
import ts from 'typescript';
import { renderClient } from '../../../src/cli/describe/client.ts';
import { decodeInitialized } from '../../../src/wire/payload-decode.ts';
import { encodeInitialized, type InitializedInit } from '../../../src/wire/payload-encode.ts';

function clientOf(fields: InitializedInit): string {
  return renderClient(decodeInitialized(encodeInitialized(fields)));
}

function typeFor(schema: unknown): string | undefined {
  const input = { codec: 'json', jsonSchema: JSON.stringify(schema) };
  return /json<(.*)>\(\),/.exec(
    clientOf({ methodInfo: [{ name: 'm', input, output: { codec: 'text' } }] }),
  )?.[1];
}

test('a JSON Schema becomes the type that it says, and unknown where it says more than a type can', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [{ type: 'integer' }, 'number'],
    [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
    [{ anyOf: [{ type: 'string' }, { const: true }] }, 'string | true'],
    [{ type: 'array', items: { oneOf: [{ type: 'null' }, { type: 'boolean' }] } }, 'Array<null | boolean>'],
    [{ type: 'object', properties: { a: { type: 'string' } } }, '{ "a"?: string }'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, 'Record<string, number>'],
    [{ type: 'object' }, 'Record<string, unknown>'],
    [{ $ref: '#/$defs/x' }, 'unknown'],
    [{}, 'unknown'],
  ];
  for (const [schema, type] of cases) assert.equal(typeFor(schema), type);
});

test('whatever a module calls itself and its methods, the client is TypeScript that parses', () => {
  const hostile = 'a"b\n*/ ${x} `\u2028';
  const text = clientOf({
    moduleName: hostile,
    methodInfo: [
      {
        ...{ name: hostile, description: hostile },
        input: { codec: hostile, typeName: hostile, single: true },
        output: { codec: 'json', jsonSchema: 'no json' },
        progress: { codec: 'text' },
      },
    ],
  });
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true });
  assert.deepEqual(
    diagnostics.map(({ messageText }) => messageText),
    [],
    text,
  );
});
