import { randomBytes } from 'node:crypto';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../../wire/envelope.ts';
import { encodeServiceResponse } from '../../../wire/payload-encode.ts';
import { expectChunks, expectSame } from '../breach.ts';
import { CANCELLED_MS, type ConformCase } from '../case.ts';
import type { ChildStream } from '../child-stream.ts';
import { NO_MESSAGE } from '../hand-made.ts';
import type { ModuleChild } from '../module-child.ts';
import { entries } from './streams.ts';

/** Cases of the services that a handler asks of its host. */
export const SERVICE_CASES: readonly ConformCase[] = [
  {
    name: 'a handler’s service request says what it asks and for whom, and has its answer',
    rule: 'section 3, serviceRequest',
    needs: ['service'],
    child: 'shared',
    run: async (child) => {
      for (const size of [0, 3, 200_000]) {
        const body = new Uint8Array(randomBytes(size));
        const stream = asking(child, body);
        const ask = await child.serviceRequest();
        expectSame('the service and its method', [ask.service, ask.method], ['store', 'get']);
        expectSame('the context’s invocationId', ask.context.invocationId, 'inv-7');
        expectChunks([ask.body], [body]);
        const answer = new Uint8Array(randomBytes(size + 1));
        child.answerService(ask, answer);
        expectChunks([await stream.answer()], [answer]);
      }
    },
  },
  {
    name: 'a host’s refusal ends the stream with its code and message, where the handler lets it pass',
    rule: 'section 3, serviceRequest',
    needs: ['service'],
    child: 'shared',
    run: async (child) => {
      const stream = asking(child);
      child.failService(await child.serviceRequest(), 'unavailable', 'the store is away');
      expectSame('the message of the error', await stream.ends('unavailable'), 'the store is away');
    },
  },
  {
    name: 'service requests have ids of their own, and each answer reaches its own handler',
    rule: 'section 3, serviceRequest',
    needs: ['service'],
    child: 'shared',
    run: async (child) => {
      const lanes = Array.from({ length: Math.min(child.info.workers, 4) }, (_, lane) => ({
        body: Uint8Array.of(lane),
        stream: asking(child, Uint8Array.of(lane)),
      }));
      const asks = [];
      for (let count = 0; count < lanes.length; count++) asks.push(await child.serviceRequest());
      // A request of the host may have the same id: the two are told apart by their types.
      for (const ask of asks) await child.request('health', EMPTY_PAYLOAD, ask.id);
      for (const ask of asks.toReversed()) child.answerService(ask, ask.body);
      for (const { body, stream } of lanes) expectChunks([await stream.answer()], [body]);
    },
  },
  {
    name: 'a cancel ends a handler that waits for its host, and the late answer is ignored',
    rule: 'section 6, Cancel and deadline',
    needs: ['service'],
    child: 'shared',
    run: async (child) => {
      const stream = asking(child);
      const ask = await child.serviceRequest();
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
      child.answerService(ask, Uint8Array.of(1));
      await child.health();
    },
  },
  {
    name: 'an answer of the host that can not be read fails that request alone',
    rule: 'section 3, serviceRequest',
    needs: ['service'],
    child: 'shared',
    run: async (child) => {
      const stream = asking(child);
      const ask = await child.serviceRequest();
      await child.refusal('protocolViolation', ask.id, encodeEnvelope('serviceResponse', ask.id, NO_MESSAGE));
      await stream.ends('protocolViolation');
      // Its request is settled: what comes for it now comes for nobody.
      child.send(encodeEnvelope('serviceResponse', ask.id, encodeServiceResponse({ body: EMPTY_PAYLOAD })));
      await child.health();
    },
  },
];

/** A handler that asks its host for something once its input is over. */
function asking(child: ModuleChild, body: Uint8Array = EMPTY_PAYLOAD): ChildStream {
  const metadata = entries({ service: 'store', method: 'get' });
  return child.open('service', { invocationId: 'inv-7', metadata }).data(body).close();
}
