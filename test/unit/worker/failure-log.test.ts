import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError } from '../../../src/errors.ts';
import type { ControlBlock } from '../../../src/shared-memory/region.ts';
import type { Task } from '../../../src/threads/messages.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { FailureLog } from '../../../src/worker/jobs/failure-log.ts';
import { HOSTILE } from './hostile-values.ts';

const ID = '0123456789abcdef0123456789abcdef';
const TASK: Task = {
  ...{ kind: 'stream', jobId: 1, block: 0 as ControlBlock, id: ID, openedAt: 0, queuedMs: 0 },
  context: { ...EMPTY_CONTEXT, method: 'sha256' },
};

/** The most that one line may have, as docs/handlers.md says it. */
const MAX_BYTES = 16 * 1024;

interface Told {
  readonly class: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: Told;
}

interface Line {
  readonly level: string;
  readonly message: string;
  readonly method: string;
  readonly stream: string;
  readonly error: Told;
  readonly notLogged?: number;
}

/** A log whose clock stands at `at.ms`, and the lines that it writes. */
function failureLog(perSecond = 1_000): {
  tell: (thrown: unknown) => void;
  take: () => Line[];
  at: { ms: number };
} {
  const at = { ms: 0 };
  const lines: string[] = [];
  const write = (text: string | Uint8Array): boolean => lines.push(String(text)) > 0;
  const dropped = { add: (): void => void assert.fail('nothing is dropped') };
  const log = new FailureLog(perSecond, dropped, write, () => at.ms);
  const take = (): Line[] =>
    lines.splice(0).map((line) => {
      assert.equal(line.indexOf('\n'), line.length - 1, 'a line');
      assert.ok(Buffer.byteLength(line) <= MAX_BYTES, `${Buffer.byteLength(line)} bytes`);
      return JSON.parse(line) as Line;
    });
  return { tell: (thrown) => log.tell(TASK, thrown), take, at };
}

/** The one line that is written of `thrown`. */
function lineOf(thrown: unknown): Line {
  const { tell, take } = failureLog();
  tell(thrown);
  const [line, ...more] = take();
  assert.ok(line !== undefined && more.length === 0);
  return line;
}

class QuotaError extends RangeError {}

test('an exception is told with its class, its place, its cause, and the stream that it ended', () => {
  const { level, message, method, stream, error } = lineOf(
    new QuotaError('too much', { cause: new TypeError('why') }),
  );
  assert.deepEqual([level, message, method, stream], ['error', 'the handler failed: too much', 'sha256', ID]);
  assert.deepEqual([error.class, error.message], ['QuotaError', 'too much']);
  assert.match(error.stack ?? '', /too much\n +at .*failure-log\.test\.ts/);
  assert.deepEqual([error.cause?.class, error.cause?.message], ['TypeError', 'why']);
  assert.match(error.cause?.stack ?? '', /why\n +at .*failure-log\.test\.ts/);
});

test('a thrown value that is no error is told as what it is', () => {
  assert.deepEqual(lineOf('a text').error, { class: 'string', message: 'a text' });
  assert.deepEqual(lineOf(null).error, { class: 'null', message: 'null' });
  const named = Object.assign(Object.create(null) as object, { name: 'OddError', message: 'by hand' });
  assert.deepEqual(lineOf(named).error, { class: 'OddError', message: 'by hand' });
});

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`${what} is told, also as a cause, and telling it throws nothing`, () => {
    assert.equal(typeof lineOf(make()).error.message, 'string');
    assert.equal(lineOf(new Error('outer', { cause: make() })).error.message, 'outer');
  });
}

test('a ModuleError is an answer to the host and not told, unless it wraps a failure or is one', () => {
  const { tell, take } = failureLog();
  tell(new ModuleError('invalidArgument', 'no such key'));
  tell(new ModuleError('unavailable', 'later'));
  assert.deepEqual(take(), []);
  tell(new ModuleError('unavailable', 'later', { cause: new Error('refused') }));
  tell(new ModuleError('internal', 'a mistake'));
  tell(new ModuleError('handlerFailed', 'a failure'));
  assert.deepEqual(
    take().map(({ error }) => [error.class, error.message]),
    [
      ['ModuleError', 'later'],
      ['ModuleError', 'a mistake'],
      ['ModuleError', 'a failure'],
    ],
  );
});

test('the longest texts and circles of causes fit a line, with the places of each', () => {
  for (const character of ['x', '€', '"', '\u0001', '\ud800']) {
    const error = new Error(character.repeat(100_000));
    error.cause = error;
    const told = lineOf(error).error;
    let depth = 0;
    for (let one: Told | undefined = told; one !== undefined; one = one.cause) {
      assert.match(
        one.stack ?? '',
        /\n +at .*failure-log\.test\.ts/,
        `${JSON.stringify(character)}, ${depth}`,
      );
      depth += 1;
    }
    assert.equal(depth, 4);
  }
});

test('so many lines a second are written, and the next one says how many were not', () => {
  const { tell, take, at } = failureLog(2);
  for (let i = 0; i < 5; i++) tell(new Error(String(i)));
  assert.deepEqual(
    take().map(({ error }) => error.message),
    ['0', '1'],
  );
  at.ms = 500;
  tell(new Error('later'));
  const [line] = take();
  assert.deepEqual([line?.error.message, line?.notLogged], ['later', 3]);
});

test('a budget of 0 lines writes none', () => {
  const { tell, take, at } = failureLog(0);
  tell(new Error('x'));
  at.ms = 10_000;
  tell(new Error('x'));
  assert.deepEqual(take(), []);
});
