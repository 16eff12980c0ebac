import { randomBytes } from 'node:crypto';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../../wire/envelope.ts';
import { INITIAL_CREDIT } from '../../../wire/flow-limits.ts';
import { encodeHandleRequest, encodeInitialize, encodeKvChange } from '../../../wire/payload-encode.ts';
import { expectChunks, expectSame, expectThat } from '../breach.ts';
import { AT_ONCE_MS, type ConformCase } from '../case.ts';
import { envelopeOfType, NO_MESSAGE, structWithBadText } from '../hand-made.ts';
import { expectError, expectKind } from '../module-child.ts';

/** Requests and their answers: initialize, health, handle, and what is no request at all. */
export const REQUEST_CASES: readonly ConformCase[] = [
  {
    name: 'initialize says what the module is, and may be said again',
    rule: 'section 3, initialize',
    needs: [],
    child: 'own',
    run: async (child) => {
      const first = await child.initialize();
      expectSame('Initialized.protocolVersion', first.protocolVersion, 1);
      expectThat(first.moduleName !== '', 'a moduleName', 'an empty one');
      expectThat(
        first.capabilities.includes('serverStream'),
        'the capability serverStream',
        list(first.capabilities),
      );
      expectThat(first.workers >= 1, 'at least one worker', `${first.workers}`);
      expectThat(
        first.initialCredit === 0 || first.initialCredit >= INITIAL_CREDIT,
        `an initialCredit of at least ${INITIAL_CREDIT}, or 0 for just that`,
        `${first.initialCredit}`,
      );
      expectSame('the second answer to initialize', await child.initialize(), first);
    },
  },
  {
    name: 'a protocol version that the module does not speak is unimplemented, and the connection goes on',
    rule: 'section 3, initialize',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const answer = await child.request('initialize', encodeInitialize({ protocolVersion: 999 }));
      const message = expectError(answer, 'unimplemented');
      expectThat(/\b1\b/.test(message), 'a message that names version 1', message);
    },
  },
  {
    name: 'health is answered at once while every worker computes',
    rule: 'section 3, health',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const metadata: [string, string][] = [['ms', '60000']];
      const streams = Array.from({ length: child.info.workers }, () => child.open('spin', { metadata }));
      for (let round = 0; round < 3; round++) {
        const { status, openStreams } = await child.health(AT_ONCE_MS);
        expectSame('HealthReport.status', status, 'serving');
        expectSame('HealthReport.openStreams', openStreams, streams.length);
      }
      for (const stream of streams) stream.cancel();
      for (const stream of streams) await stream.ends('cancelled');
    },
  },
  {
    name: 'a health payload that is not empty changes nothing',
    rule: 'section 3, health',
    needs: [],
    child: 'shared',
    run: async (child) => {
      // Any struct will do.
      expectKind(await child.request('health', encodeKvChange({ key: 'x' })), 'healthReport');
    },
  },
  {
    name: 'an answer has its request’s id, whatever text that is',
    rule: 'section 2, requestId',
    needs: [],
    child: 'shared',
    run: async (child) => {
      for (const id of ['0', 'x'.repeat(256), 'anfrage-ü-😀', ' ', 'serviceRequest', 'a'.repeat(32)]) {
        expectKind(await child.request('health', EMPTY_PAYLOAD, id), 'healthReport');
      }
    },
  },
  {
    name: 'two requests under one id get two answers',
    rule: 'section 3, Two requests under one id',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const both = [child.answer('twice'), child.answer('twice')];
      for (let round = 0; round < both.length; round++) {
        child.send(encodeEnvelope('health', 'twice', EMPTY_PAYLOAD));
      }
      for (const answer of both) expectKind(await answer, 'healthReport');
    },
  },
  {
    name: 'a message type that the module does not know is unimplemented, and is taken for no other',
    rule: 'section 2, The envelope',
    needs: [],
    child: 'shared',
    run: async (child) => {
      for (const type of [10, 255, 256, 0xffff]) {
        const requestId = child.requestId();
        await child.refusal('unimplemented', requestId, envelopeOfType(type, requestId));
      }
    },
  },
  {
    name: 'a type that only a module may send is a protocolViolation',
    rule: 'section 2, The envelope',
    needs: [],
    child: 'shared',
    run: async (child) => {
      for (const type of ['response', 'serviceRequest'] as const) {
        const requestId = child.requestId();
        await child.refusal('protocolViolation', requestId, encodeEnvelope(type, requestId, EMPTY_PAYLOAD));
      }
    },
  },
  {
    name: 'a unary payload that can not be read is a protocolViolation, and the connection goes on',
    rule: 'section 2, The envelope',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const broken: ['handle' | 'initialize' | 'health' | 'shutdown' | 'kvChangeNotification', Uint8Array][] =
        [
          ['handle', NO_MESSAGE],
          ['handle', trailing(encodeHandleRequest({ context: { method: 'echo' } }))],
          ['initialize', NO_MESSAGE],
          ['initialize', structWithBadText(1, 3, 0)],
          ['health', NO_MESSAGE],
          ['shutdown', NO_MESSAGE],
          ['kvChangeNotification', NO_MESSAGE],
          ['kvChangeNotification', structWithBadText(2, 2, 0)],
        ];
      for (const [type, payload] of broken) {
        const requestId = child.requestId();
        await child.refusal('protocolViolation', requestId, encodeEnvelope(type, requestId, payload));
      }
      expectSame('HealthReport.status', (await child.health()).status, 'serving');
    },
  },
  {
    name: 'answers to requests that the module never made are ignored',
    rule: 'section 3, serviceRequest',
    needs: [],
    child: 'shared',
    run: async (child) => {
      child.send(encodeEnvelope('error', 'nobody', EMPTY_PAYLOAD));
      child.send(encodeEnvelope('serviceResponse', 'nobody', EMPTY_PAYLOAD));
      await child.health();
    },
  },
  {
    name: 'a frame whose requestId is no stream id is answered by an error under that text',
    rule: 'section 4, Stream ids',
    needs: [],
    child: 'shared',
    run: async (child) => {
      for (const id of ['f', 'F'.repeat(32), `${'0'.repeat(31)}g`, '0'.repeat(33)]) {
        await child.refusal('protocolViolation', id, encodeEnvelope('streamFrame', id, EMPTY_PAYLOAD));
      }
    },
  },
  {
    name: 'a key-value change is not answered, with a requestId or without',
    rule: 'section 3, kvChangeNotification',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const payload = encodeKvChange({ key: 'colour', value: Uint8Array.of(1), version: 1n });
      for (const id of ['', 'a change']) child.send(encodeEnvelope('kvChangeNotification', id, payload));
      await child.health();
    },
  },
  {
    name: 'handle gives the body back, from 0 B to 2 MB',
    rule: 'section 3, handle',
    needs: ['handle'],
    child: 'shared',
    run: async (child) => {
      for (const size of [0, 1, 65_536, 2_000_000]) {
        const body = new Uint8Array(randomBytes(size));
        const answer = await child.request(
          'handle',
          encodeHandleRequest({ context: { method: 'echo' }, body }),
        );
        expectChunks([expectKind(answer, 'handled').body], [body]);
      }
    },
  },
  {
    name: 'many requests at once each get their own answer',
    rule: 'section 2, requestId',
    needs: ['handle'],
    child: 'shared',
    run: async (child) => {
      const bodies = Array.from({ length: 50 }, (_, index) => new Uint8Array(randomBytes(100 + index)));
      const answers = bodies.map((body) =>
        child.request('handle', encodeHandleRequest({ context: { method: 'echo' }, body })),
      );
      for (const [index, answer] of answers.entries()) {
        expectChunks([expectKind(await answer, 'handled').body], bodies.slice(index, index + 1));
      }
    },
  },
  {
    name: 'handle fails with the handler’s error, methodNotFound, and deadlineExceeded',
    rule: 'section 3, handle',
    needs: ['handle'],
    child: 'shared',
    run: async (child) => {
      const fail = await child.request('handle', encodeHandleRequest({ context: { method: 'fail' } }));
      expectSame('the message of the error', expectError(fail, 'handlerFailed'), 'boom');
      const unknown = await child.request('handle', encodeHandleRequest({ context: { method: 'no such' } }));
      expectError(unknown, 'methodNotFound');
      const late = { method: 'echo', deadlineUnixMs: Date.now() - 1_000 };
      expectError(await child.request('handle', encodeHandleRequest({ context: late })), 'deadlineExceeded');
    },
  },
];

function trailing(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(payload.length + 8);
  out.set(payload);
  return out;
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? 'none' : texts.join(', ');
}
