import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf, percentile, renderFigures, type Measurement } from '../../../src/cli/bench/figures.ts';
import { powersUpTo } from '../../../src/cli/bench/command.ts';
import { renderDescription } from '../../../src/cli/describe/description.ts';
import { judgePrints, parseTrace, renderFindings } from '../../../src/cli/doctor/findings.ts';
import type { PrintEvent } from '../../../src/cli/doctor/print-event.ts';
import { CliError, explainFailure } from '../../../src/cli/terminal/failure.ts';
import { bytes, count, jsonBytes, plural, table, wrapped } from '../../../src/cli/terminal/format.ts';
import { CallProgress, progressJson, progressText } from '../../../src/cli/call/progress.ts';
import { startProgressLine } from '../../../src/cli/terminal/progress-line.ts';
import { moduleName } from '../../../src/cli/init/run.ts';

test('figures are written alike everywhere', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 1048576, 3 * 2 ** 30].map(bytes), [
    '0 B',
    '1,023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 MiB',
    '3.0 GiB',
  ]);
  assert.deepEqual(
    [count(1234567.4), plural(1, 'call'), plural(2000, 'call')],
    ['1,234,567', '1 call', '2,000 calls'],
  );
  assert.equal(
    table([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    'a    bb\nccc   d',
  );
  assert.deepEqual(jsonBytes(Buffer.from('ü')), { text: 'ü' });
  assert.deepEqual(jsonBytes(Uint8Array.of(0xff)), { base64: '/w==' });
});

test('a line over 80 columns is broken at a space, behind a slash, or where it must be, and indented from there', () => {
  const words = `   12.5 s  ${'word '.repeat(30)}end`;
  const lines = wrapped(words, 10);
  assert.ok(lines.every((line, at) => line.length <= 80 && (at === 0 || /^ {10}\w/.test(line))));
  assert.equal(lines.map((line) => line.trim()).join(' '), words.trim());
  const path = `   at ${'/folder'.repeat(20)}/file.ts:1:2`;
  const parts = wrapped(path, 8);
  assert.ok(parts.length > 1 && parts.every((line) => line.length <= 80));
  assert.ok(parts.slice(0, -1).every((line) => line.endsWith('/')));
  assert.equal(parts.map((line) => line.trimStart()).join(''), path.trimStart());
  const pairs = wrapped(`x${'😀'.repeat(100)}`, 2);
  assert.ok(pairs.every((line) => line.length <= 80 && !/(?<![\ud800-\udbff])[\udc00-\udfff]/.test(line)));
  const short = 'x'.repeat(80);
  assert.deepEqual([wrapped(short, 4), wrapped('', 4)], [[short], ['']]);
});

test('findings and descriptions fit 80 columns, whatever is in them', () => {
  const long = `${'word '.repeat(40)}${'/folder'.repeat(30)}`;
  const text = renderFindings([{ level: 'warning', check: 'x', text: long, stack: [long], mend: long }]);
  const methods = Array.from({ length: 40 }, (_, at) => `method-${at}`);
  const info = {
    ...{ protocolVersion: 1, moduleName: 'n', moduleVersion: '1', workers: 1, initialCredit: 1 },
    ...{ capabilities: ['serverStream'], methods, methodInfo: [] },
  };
  for (const line of `${text}\n${renderDescription(info)}`.split('\n')) assert.ok(line.length <= 80, line);
});

test('a percentile is the value of its nearest rank', () => {
  // The example of the definition: five values, of which the 30th percentile is the second.
  const sorted = [15, 20, 35, 40, 50];
  assert.deepEqual(
    [5, 30, 40, 50, 100].map((p) => percentile(sorted, p)),
    [15, 20, 20, 35, 50],
  );
  assert.equal(percentile([], 50), 0);
});

test('rates are per second of the measured time, and the speed-up is against the first worker count', () => {
  const one: Measurement = {
    ...{ workers: 1, concurrency: 2, ms: 2000, latencies: [30, 10, 20, 40], firstData: [] },
    ...{ bytesOut: 2048, bytesIn: 8, framesOut: 6, framesIn: 4 },
  };
  const [first, second] = figuresOf([one, { ...one, workers: 2, ms: 1000, firstData: [7] }]);
  assert.ok(first && second);
  assert.deepEqual(
    [
      first.callsPerSecond,
      first.framesPerSecond,
      first.bytesOutPerSecond,
      first.latencyP50,
      first.latencyMax,
    ],
    [2, 5, 1024, 20, 40],
  );
  assert.deepEqual(
    [first.speedUp, second.speedUp, first.firstDataP50, second.firstDataP50],
    [1, 2, undefined, 7],
  );
  const lines = renderFigures([first, second]).split('\n');
  assert.equal(lines.length, 7);
  assert.match(lines[2] ?? '', /^2 +4 +4\.00 +2\.00 /);
  assert.equal(new Set(lines.slice(0, 3).map(({ length }) => length)).size, 1, 'columns line up');
});

test('worker counts go up by powers of two to the machine’s own', () => {
  assert.deepEqual([1, 2, 6, 8].map(powersUpTo), [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]);
});

test('a description tells apart no streams, one handler for all, and a table', () => {
  const info = {
    ...{ protocolVersion: 1, moduleName: 'n', moduleVersion: '1', workers: 1, initialCredit: 262144 },
    ...{ capabilities: ['serverStream'], methods: ['a', 'b'], methodInfo: [] },
  };
  assert.match(renderDescription(info), /^n 1\n {2}streams +a, b\n {2}unary requests +no\n/);
  assert.match(renderDescription({ ...info, methods: [] }), /one handler for every method/);
  assert.match(renderDescription({ ...info, capabilities: ['handle'], methods: [] }), /streams +none\n.*yes/);
});

const STACK = ['f (/m.ts:3:5)'];

function event(partial: Partial<PrintEvent>): PrintEvent {
  return { way: 'console', call: 'console.log', text: 'x', stack: STACK, ...partial };
}

test('each place that prints is told once, with how often', () => {
  const [only, ...more] = judgePrints([event({}), event({})], Buffer.alloc(0));
  assert.match(only?.text ?? '', /^console: console\.log prints "x", 2 times: it lands on standard error/);
  assert.deepEqual([only?.stack, only?.level, more], [STACK, 'warning', []]);
});

test('what came on descriptor 1 outside every call is told with who may have printed it', () => {
  const printed = Buffer.from('fd!late');
  const findings = judgePrints(
    [
      event({ way: 'fs.writeSync', call: 'fs.writeSync', text: 'fd!', from: 0, to: 3 }),
      // Loaded, and silent so far.
      event({ way: 'native', call: 'process.dlopen', text: '/a.node', from: 3, to: 3 }),
    ],
    printed,
  );
  assert.equal(findings.length, 2);
  assert.match(findings[1]?.text ?? '', /^native: "late" came on descriptor 1 outside every call/);
  assert.match(findings[1]?.stack?.[0] ?? '', /perhaps the addon \/a\.node, loaded at f \(\/m\.ts:3:5\)/);
});

test('what a child or an addon printed is shown as it came', () => {
  const printed = Buffer.from('from a child');
  const [only] = judgePrints(
    [event({ way: 'child process', call: 'child_process.spawnSync', text: 'echo', from: 0, to: 12 })],
    printed,
  );
  assert.match(only?.text ?? '', /\(echo\) prints "from a child": only the launcher/);
});

test('where nothing was printed, that is said', () => {
  assert.equal(judgePrints([], Buffer.alloc(0))[0]?.level, 'ok');
});

test('a trace with a torn line is read without it', () => {
  const line = JSON.stringify(event({}));
  assert.deepEqual(parseTrace(`${line}\n${line.slice(0, 20)}\n${line}\n`), [event({}), event({})]);
});

test('findings are shown with their places and what to do, and summed up', () => {
  const text = renderFindings([
    { level: 'ok', check: 'node', text: 'fine' },
    { level: 'problem', check: 'load', text: 'broken', stack: ['f (/m.ts:1:2)'], mend: 'mend it' },
  ]);
  assert.equal(
    text,
    'ok       fine\nproblem  broken\n           at f (/m.ts:1:2)\n         → mend it\n\nproblems: 1, warnings: 0',
  );
});

test('a folder’s name becomes one that npm takes', () => {
  assert.deepEqual(['hello', 'My Module!', '.hidden', 'Ü', '@scope'].map(moduleName), [
    'hello',
    'my-module',
    'hidden',
    'module',
    'scope',
  ]);
});

test('a failure is told without a stack, and a mistake of the program with one', (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  assert.equal(explainFailure(new CliError(64, 'what\u001b[2J', 'do\nthis')), 64);
  assert.equal(written.splice(0).join(''), 'ixt-module: what\\u001b[2J\n  do\n  this\n');
  assert.equal(explainFailure(new CliError(78, '')), 78);
  assert.equal(written.splice(0).join(''), '');
  assert.equal(explainFailure(new TypeError('oops')), 70);
  assert.match(written.join(''), /please report it: TypeError: oops\n {4}at /);
});

test('a progress value is a bar where it says a part, else itself, and binary in hex', () => {
  const texts = Object.entries({
    '0': '[--------------------] 0 %',
    '0.999': '[####################] 99 %',
    '1': '[####################] 100 %',
    '1.5': '1.5',
    '{"done":1,"total":4}': '[#####---------------] 25 %, 1 of 4',
    '{"done":9,"total":4}': '[####################] 100 %, 9 of 4',
    '{"done":1,"total":0}': '{"done":1,"total":0}',
    '{ "stage": "load" }': '{"stage":"load"}',
    'half done': '"half done"',
    '\u0000\u0001': '0001',
  });
  for (const [value, text] of texts) assert.equal(progressText(Buffer.from(value)), text);
  assert.deepEqual(
    [progressJson(Buffer.from('null')), progressJson(Buffer.from('x'))],
    [null, { text: 'x' }],
  );
});

test('progress is printed at most once a second, unless a line is drawn that it is a part of', () => {
  const lines: string[] = [];
  let now = 0;
  const printed = new CallProgress(
    false,
    () => now,
    (line) => lines.push(line),
  );
  for (now = 0; now < 2500; now += 50) printed.add(Buffer.from(String(now)));
  assert.deepEqual(lines, ['[--------------------] 0 %', '1000', '2000']);
  const drawn = new CallProgress(
    true,
    () => now,
    (line) => lines.push(line),
  );
  assert.equal(drawn.text, '');
  drawn.add(Buffer.from('0.5'));
  assert.equal(drawn.text, '[##########----------] 50 %  ');
  assert.equal(lines.length, 3);
});

test('the progress line is drawn on a terminal only, within its width, and taken away', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const written: string[] = [];
  const stream = (isTTY: boolean) =>
    ({
      isTTY,
      columns: 6,
      write: (text: string) => written.push(text) > 0,
    }) as unknown as NodeJS.Process['stderr'];
  const silent = startProgressLine(() => 'text', { stderr: stream(false), stdout: stream(false) });
  t.mock.timers.tick(1000);
  silent();
  startProgressLine(() => 'text', { stderr: stream(true), stdout: stream(true) })();
  assert.deepEqual(written, []);
  const hide = startProgressLine(() => 'longer text', { stderr: stream(true), stdout: stream(false) });
  t.mock.timers.tick(250);
  hide();
  t.mock.timers.tick(1000);
  assert.deepEqual(written, ['\rlonge\u001b[K', '\r\u001b[K']);
});
