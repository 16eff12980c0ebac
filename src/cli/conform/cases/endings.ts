import { EMPTY_PAYLOAD, encodeEnvelope } from '../../../wire/envelope.ts';
import { encodeHandleRequest, encodeShutdown } from '../../../wire/payload-encode.ts';
import { expectSame, expectThat } from '../breach.ts';
import { CANCELLED_MS, type ConformCase } from '../case.ts';
import { brokenEnvelope, declaredMessage, declaredSegments, envelopeOfType } from '../hand-made.ts';
import { expectError, expectKind, type Answer, type ModuleChild } from '../module-child.ts';
import { entries, uint64Of } from './streams.ts';

/** How a connection ends, and what the process says of it. Each has a child of its own. */
export const ENDING_CASES: readonly ConformCase[] = [
  {
    name: 'a shutdown is answered and ends the process with 0',
    rule: 'section 8, shutdown',
    needs: [],
    child: 'own',
    run: async (child) => {
      expectKind(await shutDown(child), 'drained');
      await child.ends(0);
    },
  },
  {
    name: 'a shutdown lets what runs end, refuses what is new, and is answered last',
    rule: 'section 3, shutdown',
    needs: ['spin', 'sink', 'handle'],
    child: 'own',
    run: async (child) => {
      const running = child.open('spin', { metadata: entries({ ms: '700' }) });
      const drained = shutDown(child);
      const again = shutDown(child);
      const refused = child.open('sink');
      const call = child.request('handle', encodeHandleRequest({ context: { method: 'echo' } }));
      await refused.ends('unavailable');
      refused.expectNoData();
      expectError(await call, 'unavailable');
      expectSame('HealthReport.status', (await child.health()).status, 'draining');
      expectThat(uint64Of(await running.answer()) > 0, 'the result of the stream that ran', 'none');
      expectKind(await drained, 'drained');
      expectKind(await again, 'drained');
      await child.ends(0);
    },
  },
  {
    name: 'the answer to a shutdown comes behind the end of every stream',
    rule: 'section 3, shutdown',
    needs: ['spin'],
    child: 'own',
    run: async (child) => {
      const running = child.open('spin', { metadata: entries({ ms: '500' }) });
      expectKind(await shutDown(child), 'drained');
      expectThat(
        running.ended !== undefined,
        'the end of the stream ahead of the answer',
        'the answer first',
      );
      await running.ends('close');
      await child.ends(0);
    },
  },
  {
    name: 'what a shutdown’s drain time is too short for is cancelled',
    rule: 'section 3, shutdown',
    needs: ['spin', 'sink'],
    child: 'own',
    run: async (child) => {
      const streams = [child.open('spin', { metadata: entries({ ms: '60000' }) }), child.open('sink')];
      const drained = shutDown(child, 100);
      for (const stream of streams) await stream.ends('cancelled', CANCELLED_MS);
      expectKind(await drained, 'drained');
      await child.ends(0);
    },
  },
  {
    name: 'the end of stdin ends an idle module with 0',
    rule: 'section 8, stdin ends',
    needs: [],
    child: 'own',
    run: async (child) => {
      child.endInput();
      await child.ends(0);
    },
  },
  {
    name: 'the end of stdin cancels what runs, and each stream still gets its terminal frame',
    rule: 'section 4, What the module owes',
    needs: ['spin', 'sink'],
    child: 'own',
    run: async (child) => {
      const streams = [
        child.open('sink').data(Uint8Array.of(1)),
        child.open('spin', { metadata: [['ms', '60000']] }),
      ];
      child.endInput();
      for (const stream of streams) await stream.ends('cancelled', CANCELLED_MS);
      await child.ends(0);
    },
  },
  {
    name: 'an end of stdin inside a message is an end like any other',
    rule: 'section 8, The end of stdin',
    needs: [],
    child: 'own',
    run: async (child) => {
      child.write(encodeEnvelope('health', 'x', EMPTY_PAYLOAD).subarray(0, 20), 'a part of a message');
      child.endInput();
      await child.ends(0);
    },
  },
  breaks('a segment table with 513 segments', declaredSegments(513)),
  breaks('a segment table that declares more than 16 MiB', declaredMessage(16 * 1024 * 1024 + 8)),
  breaks('an envelope that can not be read', brokenEnvelope()),
  breaks('an empty requestId where there must be one', encodeEnvelope('health', '', EMPTY_PAYLOAD)),
  breaks('a requestId of more than 256 bytes', envelopeOfType(6, 'x'.repeat(257))),
  {
    name: 'a module whose output is gone ends with 74',
    rule: 'section 8, its stdout is gone',
    needs: ['source'],
    child: 'own',
    run: async (child) => {
      child.open('source', { metadata: entries({ count: '1000', size: '1000' }), initialCredit: 1_000_000 });
      child.closeOutput();
      await child.ends(74);
    },
  },
  {
    name: 'SIGTERM drains and ends with 143',
    rule: 'section 8, SIGTERM, SIGINT',
    needs: ['spin'],
    child: 'own',
    run: async (child) => {
      const running = child.open('spin', { metadata: entries({ ms: '500' }) });
      await child.health();
      child.signal('SIGTERM');
      await running.ends('close');
      await child.ends(143);
    },
  },
];

/** After these bytes the rest of the connection makes no sense. */
function breaks(what: string, bytes: Uint8Array): ConformCase {
  return {
    name: `${what} ends the connection with one error and exit code 76`,
    rule: 'section 8, broken framing',
    needs: [],
    child: 'own',
    run: async (child) => {
      child.write(bytes, what);
      await child.lastError('protocolViolation');
      await child.ends(76);
    },
  };
}

function shutDown(child: ModuleChild, drainMs?: number): Promise<Answer> {
  return child.request('shutdown', encodeShutdown(drainMs === undefined ? {} : { drainMs }));
}
