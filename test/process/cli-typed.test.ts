import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { runCli } from './cli-helpers.ts';

const TYPED = built.fixture('typed');

test('--data is sent in the codec of the method, for streams and requests', async (t) => {
  const calls = [
    [['length', '--data', '{ "x": 3, "y": 4 }'], '5'],
    [['count', '--data', '1\n{"two":2}'], '2\n'],
    [['upper', '--unary', '--data', 'shout', '--deadline', '5s'], 'SHOUT'],
  ] as const;
  for (const [args, output] of calls) {
    const { code, stdout, stderr } = await runCli(t, ['call', TYPED, ...args]);
    assert.deepEqual([stderr, stdout, code], ['', output, 0], args.join(' '));
  }
});

test('several JSON values are a line each; one value, lines and text are written as they come', async (t) => {
  const values = built.fixture('values');
  const calls: [string[], string][] = [
    [['json'], '1\n{"two":2}\n"three"\n'],
    [['one'], '[1,{"two":2},"three"]'],
    [['one', '--repeat', '2'], '[1,{"two":2},"three"]\n[1,{"two":2},"three"]\n'],
    [['lines'], '1\n{"two":2}\n"three"\n'],
    [['pieces'], 'one text'],
  ];
  for (const [args, output] of calls) {
    const { code, stdout } = await runCli(t, ['call', values, ...args]);
    assert.deepEqual([stdout, code], [output, 0], args.join(' '));
  }
});

test('a value that the method’s schema refuses is told with every field', async (t) => {
  const { code, stderr } = await runCli(t, ['call', TYPED, 'length', '--data', '{"x":"3"}']);
  assert.equal(code, 1);
  assert.match(stderr, /^invalidArgument: [^\n]* at x: [^\n]*\n {2}at y: [^\n]*\n$/);
});

test('--data that is no JSON for a method that takes it is the caller’s mistake, before anything is sent', async (t) => {
  const { code, stderr } = await runCli(t, ['call', TYPED, 'length', '--data', 'x=1']);
  assert.equal(code, 64);
  assert.match(
    stderr,
    /^ixt-module: the method 'length' takes JSON, and --data is none: [^\n]*\n {2}Text has quotes/,
  );
  const both = await runCli(t, ['call', TYPED, 'length', '--data', '1', '--in', '-']);
  assert.match(both.stderr, /give --data or --in, not both/);
});

test('describe is a table of methods, and as JSON has their schemas as objects', async (t) => {
  const [text, json] = await Promise.all([
    runCli(t, ['describe', TYPED]),
    runCli(t, ['describe', TYPED, '--json']),
  ]);
  assert.equal(
    text.stdout,
    [
      'typed 1.0.0',
      '  streams            length, count',
      '  unary requests     upper',
      '  key-value changes  no',
      '  protocol           1, first window 256.0 KiB',
      '',
      '  method  runs     takes     gives     limits',
      '  length  sync     one json  one json  5,000 ms',
      '    how far a point is from the origin',
      '  count   async    ndjson    text      2 at a time',
      '  upper   request  one text  one text',
      '',
    ].join('\n'),
  );
  const { methodInfo } = JSON.parse(json.stdout) as {
    methodInfo: { name: string; input: { jsonSchema?: { required: string[] } } }[];
  };
  assert.deepEqual(methodInfo[0]?.input.jsonSchema?.required, ['x', 'y']);
  assert.equal(methodInfo[1]?.input.jsonSchema, undefined);
});

test('describe --client is TypeScript with the types of the schemas, which a host can call by', async (t) => {
  const { stdout, stderr } = await runCli(t, ['describe', TYPED, '--client']);
  assert.equal(stderr, '');
  assert.equal(
    stdout,
    [
      '// Made by `ixt-module describe --client` from typed 1.0.0.',
      "import { defineMethod, defineRequest, json, ndjson, one, text } from 'ixt-sdk';",
      '',
      'export const shapes = {',
      '  "length": defineMethod({',
      '    description: "how far a point is from the origin",',
      '    input: one(json<{ "x": number; "y": number }>()),',
      '    output: one(json<number>()),',
      '  }),',
      '  "count": defineMethod({',
      '    input: ndjson<unknown>(),',
      '    output: text(),',
      '  }),',
      '  "upper": defineRequest({',
      '    input: text(),',
      '    output: text(),',
      '  }),',
      '};',
      '',
    ].join('\n'),
  );
});
