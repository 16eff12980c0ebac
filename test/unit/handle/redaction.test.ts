import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { redactWhenPrinted, revealContext } from '../../../src/handle/redacted-context.ts';
import type { InvocationContext } from '../../../src/wire/context.ts';

const context: InvocationContext = {
  invocationId: 'invocation',
  method: 'hash',
  caller: 'secret caller',
  tenant: 'secret tenant',
  deadlineUnixMs: 5,
  traceparent: 'trace',
  tracestate: 'secret state',
  metadata: [['key', 'secret value']],
};

test('a context prints without caller, tenant, trace state and metadata values', () => {
  const printed = redactWhenPrinted(context);
  for (const text of [inspect(printed), JSON.stringify(printed), inspect({ nested: { printed } })]) {
    assert.doesNotMatch(text, /secret/);
    assert.match(text, /invocation/);
    assert.match(text, /hash/);
    assert.match(text, /redacted/);
  }
});

test('its fields read as they are', () => {
  const printed = redactWhenPrinted(context);
  assert.equal(printed.caller, 'secret caller');
  assert.deepEqual(printed.metadata, [['key', 'secret value']]);
});

test('a revealed context prints completely', () => {
  assert.match(JSON.stringify(revealContext(redactWhenPrinted(context))), /secret value/);
});
