import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/errors.ts';
import {
  compareConversations,
  compareExits,
  type CompareRules,
  type Difference,
} from '../../../src/cli/recording/compare.ts';
import { Conversation } from '../../../src/cli/recording/conversation.ts';
import type { Content } from '../../../src/cli/recording/message.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';

const RULES: CompareRules = { ignoredMethods: new Set(), ignoreBoundaries: false };
const NOTHING = new Uint8Array(0);

type Said = readonly [from: 'host' | 'module', id: string, content: Content];

const STREAM_KINDS = new Set(['open', 'data', 'credit', 'close', 'cancel']);

function conversation(...said: readonly Said[]): Conversation {
  const whole = new Conversation();
  for (const [from, id, content] of said) {
    // Ids of streams are letters here, and those of requests begin with r.
    const isFrame = STREAM_KINDS.has(content.kind) || (content.kind === 'error' && !id.startsWith('r'));
    const message = { isFrame, id, bytes: 0, content };
    if (from === 'host') whole.hostSaid(message);
    else whole.moduleSaid(message);
  }
  return whole;
}

function open(id: string, method = 'm', deadlineUnixMs = 0): Said {
  return [
    'host',
    id,
    { kind: 'open', context: { ...EMPTY_CONTEXT, method, deadlineUnixMs }, initialCredit: 1 },
  ];
}
function data(id: string, text: string): Said {
  return ['module', id, { kind: 'data', data: Buffer.from(text) }];
}
function close(id: string): Said {
  return ['module', id, { kind: 'close' }];
}
function fails(id: string, code: ErrorCode, message: string): Said {
  return ['module', id, { kind: 'error', code, message, details: NOTHING }];
}
function service(id: string, body: string): Said {
  const content = {
    kind: 'serviceRequest',
    service: 's',
    method: 'm',
    body: Buffer.from(body),
    context: EMPTY_CONTEXT,
  } as const;
  return ['module', id, content];
}

function compare(recorded: readonly Said[], replayed: readonly Said[], rules = RULES): Difference[] {
  return compareConversations(conversation(...recorded), conversation(...replayed), rules);
}

test('how streams lie between each other, and credit, is no difference', () => {
  const credit: Said = ['module', 'a', { kind: 'credit', credit: 5 }];
  assert.deepEqual(
    compare(
      [open('a'), open('b'), data('a', '1'), data('b', '2'), data('a', '3'), close('a'), close('b')],
      [open('a'), open('b'), data('b', '2'), close('b'), credit, data('a', '1'), data('a', '3'), close('a')],
    ),
    [],
  );
});

test('a frame that is another is shown with its number and first byte, and no other frame', () => {
  const recorded = [open('a'), data('a', 'one'), data('a', 'two'), data('a', 'three'), close('a')];
  const replayed = [open('a'), data('a', 'one'), data('a', 'twO'), data('a', 'three'), close('a')];
  assert.deepEqual(compare(recorded, replayed), [
    { where: 'stream a (m)', kind: 'data', frame: 2, byte: 2, recorded: '3 B "two"', replayed: '3 B "twO"' },
  ]);
  assert.deepEqual(compare(recorded, replayed, { ...RULES, ignoredMethods: new Set(['m']) }), []);
});

test('one frame more or less, anywhere, is one difference', () => {
  const frames = ['1', '2', '3', '4'];
  const all = [open('a'), ...frames.map((text) => data('a', text)), close('a')];
  for (const [at, text] of frames.entries()) {
    const without = [
      open('a'),
      ...frames.filter((other) => other !== text).map((other) => data('a', other)),
      close('a'),
    ];
    const [missing, ...more] = compare(all, without);
    assert.deepEqual([missing?.frame, missing?.replayed, more], [at + 1, undefined, []]);
    const [extra, ...others] = compare(without, all);
    assert.deepEqual([extra?.frame, extra?.recorded, others], [at + 1, undefined, []]);
  }
});

test('the same bytes in other frames are one difference of their own kind, which can be allowed', () => {
  const recorded = [open('a'), data('a', 'ab'), data('a', 'cd'), close('a')];
  const replayed = [open('a'), data('a', 'abc'), data('a', 'd'), close('a')];
  assert.deepEqual(
    compare(recorded, replayed).map(({ kind, frame }) => [kind, frame]),
    [['boundaries', 1]],
  );
  assert.deepEqual(compare(recorded, replayed, { ...RULES, ignoreBoundaries: true }), []);
});

test('another end is a difference: its kind, its code, its message where the handler chose it', () => {
  const ended = (end: Said): Said[] => [open('a'), end];
  assert.equal(compare(ended(close('a')), ended(fails('a', 'handlerFailed', 'x'))).length, 1);
  assert.equal(compare(ended(close('a')), [open('a')]).length, 1);
  assert.equal(
    compare(ended(fails('a', 'handlerFailed', 'x')), ended(fails('a', 'invalidArgument', 'x'))).length,
    1,
  );
  assert.equal(
    compare(ended(fails('a', 'handlerFailed', 'x')), ended(fails('a', 'handlerFailed', 'y'))).length,
    1,
  );
  assert.equal(compare(ended(close('a')), ended(fails('a', 'cancelled', ''))).length, 1);
  // A thread's number stands in it, say.
  assert.deepEqual(
    compare(ended(fails('a', 'workerCrashed', 'x')), ended(fails('a', 'workerCrashed', 'y'))),
    [],
  );
});

test('a stream that the host cancelled counts as far as both went, and may end as either', () => {
  const cancel: Said = ['host', 'a', { kind: 'cancel', reason: '' }];
  const recorded = [open('a'), data('a', '1'), data('a', '2'), cancel, fails('a', 'cancelled', '')];
  assert.deepEqual(compare(recorded, [open('a'), data('a', '1'), cancel, fails('a', 'cancelled', '')]), []);
  const longer = [open('a'), data('a', '1'), data('a', '2'), data('a', '3'), close('a'), cancel];
  assert.deepEqual(compare(recorded, longer), []);
  assert.equal(compare(recorded, [open('a'), data('a', 'X'), cancel, fails('a', 'cancelled', '')]).length, 1);
  assert.equal(
    compare(recorded, [open('a'), data('a', '1'), cancel, fails('a', 'handlerFailed', 'x')]).length,
    1,
  );
});

test('a stream with a deadline, or one that ran when the host left, is as chance has it', () => {
  const late = [open('a', 'm', 5), data('a', '1'), fails('a', 'deadlineExceeded', '')];
  assert.deepEqual(compare(late, [open('a', 'm', 9), data('a', '1'), data('a', '2'), close('a')]), []);
  const left = conversation(open('a'), data('a', '1'));
  left.hostLeft();
  left.moduleSaid({
    isFrame: true,
    id: 'a',
    bytes: 0,
    content: { kind: 'error', code: 'cancelled', message: '', details: NOTHING },
  });
  const other = conversation(open('a'), data('a', '1'), data('a', '2'), close('a'));
  assert.deepEqual(compareConversations(left, other, RULES), []);
});

test('an id that comes back is a stream of its own', () => {
  const twice = [open('a', 'x'), data('a', '1'), close('a'), open('a', 'y'), data('a', '2'), close('a')];
  assert.deepEqual(compare(twice, twice), []);
  const changed = [open('a', 'x'), data('a', '1'), close('a'), open('a', 'y'), data('a', '3'), close('a')];
  assert.deepEqual(
    compare(twice, changed).map(({ where, frame }) => [where, frame]),
    [['stream a (y)', 1]],
  );
  const first = [open('a', 'x'), data('a', '3'), close('a'), open('a', 'y'), data('a', '2'), close('a')];
  assert.deepEqual(
    compare(twice, first).map(({ where, frame }) => [where, frame]),
    [['stream a (x)', 1]],
  );
});

test('answers are compared: bodies in full, of Initialized what a host acts on, of a health report only that it came', () => {
  const ask = (id: string, kind: 'health' | 'handle'): Said =>
    kind === 'health'
      ? ['host', id, { kind }]
      : ['host', id, { kind, context: { ...EMPTY_CONTEXT, method: 'm' }, body: NOTHING }];
  const body = (text: string): Said[] => [
    ask('r1', 'handle'),
    ['module', 'r1', { kind: 'handled', body: Buffer.from(text) }],
  ];
  const long = 'x'.repeat(100);
  assert.deepEqual(compare(body(long), body(long)), []);
  // Beyond what a preview shows.
  assert.equal(compare(body(`${long}1`), body(`${long}2`)).length, 1);
  assert.equal(compare(body(long), [ask('r1', 'handle')])[0]?.replayed, undefined);
  const initialized = (moduleVersion: string, workers: number, methods: string[]): Said[] => [
    [
      'host',
      'r1',
      {
        kind: 'initialize',
        protocolVersion: 1,
        runtimeName: '',
        runtimeVersion: '',
        config: NOTHING,
        accepts: [],
      },
    ],
    [
      'module',
      'r1',
      {
        kind: 'initialized',
        protocolVersion: 1,
        moduleName: 'n',
        moduleVersion,
        capabilities: [],
        methods,
        workers,
        initialCredit: 1,
        methodInfo: [],
      },
    ],
  ];
  assert.deepEqual(compare(initialized('1', 1, ['a']), initialized('2', 4, ['a'])), []);
  assert.equal(compare(initialized('1', 1, ['a']), initialized('1', 1, ['b'])).length, 1);
});

test('service requests are compared by what they ask, not by their ids or order', () => {
  assert.deepEqual(
    compare([service('x', '1'), service('y', '2')], [service('p', '2'), service('q', '1')]),
    [],
  );
  assert.deepEqual(
    compare([service('x', '1'), service('y', '1')], [service('p', '1'), service('q', '3')]).map(
      ({ kind, recorded, replayed }) => [kind, recorded !== undefined, replayed !== undefined],
    ),
    [
      ['service', true, false],
      ['service', false, true],
    ],
  );
});

test('what the module says unasked is a difference', () => {
  const [only] = compare([], [fails('r', 'protocolViolation', 'what')]);
  assert.deepEqual([only?.kind, only?.recorded], ['answer', undefined]);
});

test('the exit counts where the recording has it', () => {
  assert.deepEqual(compareExits(undefined, { code: 1, signal: null }), []);
  assert.deepEqual(compareExits({ code: 0, signal: null }, { code: 0, signal: null }), []);
  assert.equal(
    compareExits({ code: 0, signal: null }, { code: null, signal: 'SIGKILL' })[0]?.replayed,
    'ended by SIGKILL',
  );
});
