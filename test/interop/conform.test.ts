import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askAll, type Questions } from '../../src/cli/conform/ask.ts';
import { CORE_METHODS, FURTHER_METHODS } from '../../src/cli/conform/case.ts';
import type { CaseResult } from '../../src/cli/conform/report.ts';
import { built } from '../support/built.ts';

const SOUND = [...built.serve('conformance'), '--workers', '2'];

/** For each fault that is planted, a case that must see it. */
const MUTANTS: Readonly<Record<string, string>> = {
  'doubled terminal frame': 'a handler may fail with any code',
  'lost terminal frame': 'an Open is served without an initialize',
  'Data beyond the credit': 'the module sends while its balance is above 0',
  'tiny frames for nothing': 'a tiny frame costs 64 bytes',
  'a wrong code': 'a cancel ends a handler that waits for its input',
  'an error without its message': 'a handler that fails ends its stream',
  'a torn frame': 'a handler may end before the host closes',
  'prints on the wire': 'an Open is served without an initialize',
  'ignored cancel': 'a cancel reaches a handler that computes',
  'ignored error of the host': 'an error of the host is answered like a cancel',
  'ignored deadline': 'a deadline ends a handler',
  'lost metadata': 'a handler has the whole InvocationContext',
  'chunks out of order': 'a handler has its chunks in the order',
  'lost boundaries': 'Data come as they were sent',
  'lost half-close': 'a handler sees the end of its input',
  'closes with the host': 'a handler sees the end of its input',
  'acknowledges a shutdown before it has drained': 'the answer to a shutdown comes behind',
  'serves on after a shutdown': 'a shutdown lets what runs end, refuses what is new',
  'a wrong exit code': 'an envelope that can not be read',
  'exit code 0 in any case': 'SIGTERM drains',
  'health waits for the handlers': 'health is answered at once',
  'grants nothing': 'the module grants what its handler has taken',
  'grants as Data arrive': 'the module grants nothing for Data',
  'grants twice': 'the module grants what its handler has taken',
  'accepts an overdraft': 'Data at a balance of 0 or below',
  'an answer under another id': 'an answer has its request’s id',
  'two answers to one request': 'two requests under one id',
  'an unknown type taken for another': 'a message type that the module does not know',
  'an unknown arm ignored': 'an arm that the module does not know',
  'an id used once only': 'an id can be used again',
  'a second Open ignored': 'a second Open of a live id',
  'late frames answered': 'frames for a stream that never was',
  'initialize must come first': 'an Open is served without an initialize',
  'one initialize only': 'initialize says what the module is',
  'one segment only': 'a message may have several segments',
  'whole messages in each read': 'messages may come byte by byte',
  'key-value changes lost': 'a handler has every change',
  'a lost service answer': 'a handler’s service request says what it asks',
  'one id for all service requests': 'service requests have ids of their own',
  'the end of stdin ignored': 'the end of stdin ends an idle module',
  'no terminal frames after the end of stdin': 'the end of stdin cancels what runs',
};

function relayWith(fault: string): Questions['command'] {
  return [process.execPath, built.fixture('faulty-relay'), fault, ...SOUND];
}

async function ask(command: Questions['command'], only?: string, timeoutMs = 60_000): Promise<CaseResult[]> {
  const methods = new Set([...CORE_METHODS, ...FURTHER_METHODS]);
  const results: CaseResult[] = [];
  for await (const result of askAll({ command, methods, timeoutMs, only })) results.push(result);
  return results;
}

test('a sound module passes every case, with the relay of the faults between', async () => {
  const results = await ask(relayWith('none'));
  assert.ok(results.length > 80, `${results.length} cases`);
  assert.deepEqual(
    results.filter(({ outcome }) => outcome !== 'ok'),
    [],
  );
});

// Several at a time, because a fault that shows as silence costs its whole time limit in waiting.
test('each planted fault is found by the case that is about it', { concurrency: 4 }, async (t) => {
  const planted = Object.entries(MUTANTS).map(([fault, sentence]) =>
    t.test(fault, async () => {
      const [result, ...more] = await ask(relayWith(fault), sentence, 8_000);
      assert.ok(result !== undefined && more.length === 0, `one case says '${sentence}'`);
      assert.ok(result.outcome === 'broken', 'it passes');
      assert.doesNotMatch(result.stderr, /faulty-relay/, 'the relay has failed by itself');
    }),
  );
  await Promise.all(planted);
});
