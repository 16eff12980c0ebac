import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlBlock } from '../../../src/shared-memory/region.ts';
import type { Task } from '../../../src/threads/messages.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import type { InvocationContext } from '../../../src/wire/context.ts';
import { streamLog } from '../../../src/worker/jobs/stream-log.ts';
import type { StreamLog } from '../../../src/handle/server-stream.ts';

const ID = '0123456789abcdef0123456789abcdef';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** The most that one line may have, as the README says it. */
const MAX_BYTES = 16 * 1024;

function logs(
  context: Partial<InvocationContext>,
  kind: Task['kind'] = 'stream',
): { log: StreamLog; lines: string[] } {
  const lines: string[] = [];
  const common = {
    jobId: 1,
    block: 0 as ControlBlock,
    context: { ...EMPTY_CONTEXT, method: 'm', ...context },
  };
  const task: Task =
    kind === 'stream'
      ? { kind, ...common, id: ID, openedAt: 0, queuedMs: 0 }
      : { kind, ...common, body: new Uint8Array(0) };
  const dropped = { add: (): void => void assert.fail('nothing is dropped') };
  const write = (text: string | Uint8Array): boolean => {
    lines.push(String(text));
    return true;
  };
  return { log: streamLog(task, dropped, write), lines };
}

/** The one line, parsed; it must be a line, whole, and within the limit. */
function only(lines: string[]): Record<string, unknown> {
  const [line = '', ...more] = lines.splice(0);
  assert.equal(more.length, 0);
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.ok(Buffer.byteLength(line) <= MAX_BYTES, `${Buffer.byteLength(line)} bytes`);
  return JSON.parse(line) as Record<string, unknown>;
}

test('a line says level, message, method, stream, invocation and trace, and keeps the fields', () => {
  const { log, lines } = logs({ invocationId: 'i-1', traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
  log.warn('slow', { rows: 3, big: 2n ** 64n, level: 'no field replaces these' });
  const { time, ...line } = only(lines);
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(line, {
    level: 'warn',
    message: 'slow',
    method: 'm',
    stream: ID,
    invocationId: 'i-1',
    trace: TRACE,
    rows: 3,
    big: '18446744073709551616',
  });
});

test('a request has no stream, and what the host left out is left out', () => {
  for (const traceparent of ['', 'nonsense']) {
    const { log, lines } = logs({ traceparent }, 'handle');
    log.debug('hello');
    assert.deepEqual(Object.keys(only(lines)).sort(), ['level', 'message', 'method', 'time']);
  }
});

test('every control character is escaped, and reads as it was', () => {
  const hostile = '\u0000\n\r\t\u001b[31m\u007f\u009b31m\u2028\u2029';
  const { log, lines } = logs({ method: hostile });
  log.info(hostile, { [hostile]: hostile });
  // eslint-disable-next-line no-control-regex -- control characters are what must not be there
  assert.doesNotMatch(lines[0]?.slice(0, -1) ?? '', /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  const line = only(lines);
  assert.deepEqual([line['message'], line['method'], line[hostile]], [hostile, hostile, hostile]);
});

test('a line that is too long loses its fields, and stays a line of JSON', () => {
  const limits = { level: 'info', method: 'm', stream: ID, cut: true };
  const { log, lines } = logs({});
  log.info('fields', { rows: 'x'.repeat(MAX_BYTES) });
  const { time: _time, ...line } = only(lines);
  assert.deepEqual(line, { ...limits, message: 'fields' });
  log.info('x'.repeat(MAX_BYTES));
  const cut = String(only(lines)['message']);
  assert.match(cut, /^x{1000,}$/);
});

test('the longest escapes of everything that the host and the handler choose fit a line', () => {
  const worst = '\u0001'.repeat(60_000);
  const { log, lines } = logs({ method: worst, invocationId: worst, traceparent: `00-${worst}-1-1` });
  log.error(worst, { worst });
  assert.equal(only(lines)['cut'], true);
});

test('fields that JSON can’t say don’t cost the line', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  const throws = {
    toJSON: () => {
      throw new Error('no');
    },
  };
  for (const fields of [cycle, { throws }, { toJSON: () => undefined }]) {
    const { log, lines } = logs({});
    log.error('kept', fields);
    const line = only(lines);
    assert.deepEqual([line['message'], line['stream'], line['cut']], ['kept', ID, true]);
  }
});

test('a line that finds no room is dropped, and counted', () => {
  let drops = 0;
  const task: Task = {
    kind: 'handle',
    jobId: 1,
    block: 0 as ControlBlock,
    context: EMPTY_CONTEXT,
    body: new Uint8Array(0),
  };
  const log = streamLog(task, { add: () => void drops++ }, () => false);
  log.info('one');
  log.debug('two');
  assert.equal(drops, 2);
});

const throws = (): never => {
  throw new Error('a mistake in an argument');
};
const HOSTILE_FIELDS: Record<string, () => unknown> = {
  'a getter that throws': () => ({
    get field(): never {
      return throws();
    },
  }),
  'a toJSON that throws': () => ({ field: { toJSON: throws } }),
  'a cycle': () => {
    const field: Record<string, unknown> = {};
    field['field'] = field;
    return field;
  },
  'a Proxy that throws': () =>
    new Proxy({}, { ownKeys: throws, get: throws, getOwnPropertyDescriptor: throws }),
  'a Proxy that was revoked': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return { proxy };
  },
  'what nests too deeply': () => {
    let field: unknown = [];
    for (let i = 0; i < 100_000; i++) field = [field];
    return { field };
  },
  'an error whose getters throw': () => ({
    error: Object.defineProperty(new Error('x'), 'toJSON', { get: throws }),
  }),
  'a BigInt': () => ({ field: 10n ** 30n }),
  'a symbol and a function': () => ({ field: Symbol('s'), more: throws }),
  null: () => null,
  text: () => 'text',
};

for (const [what, fields] of Object.entries(HOSTILE_FIELDS)) {
  test(`a log call with ${what} among its arguments throws nothing, and its message is told`, () => {
    const { log, lines } = logs({});
    log.info('what happened', fields() as Record<string, unknown>);
    assert.equal(only(lines)['message'], 'what happened');
  });
}

test('a message that is no text, or can not be made one, throws nothing', () => {
  for (const message of [
    5,
    10n,
    Symbol('s'),
    undefined,
    null,
    { toJSON: throws },
    {
      toString: throws,
      get x(): never {
        return throws();
      },
    },
  ]) {
    const { log, lines } = logs({});
    log.error(message as unknown as string);
    assert.equal(only(lines)['level'], 'error');
  }
});
