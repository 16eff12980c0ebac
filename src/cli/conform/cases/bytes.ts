import { randomBytes } from 'node:crypto';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../../wire/envelope.ts';
import { MAX_DATA_BYTES } from '../../../wire/flow-limits.ts';
import { encodeHandleRequest } from '../../../wire/payload-encode.ts';
import { expectChunks, expectSame } from '../breach.ts';
import type { ConformCase } from '../case.ts';
import type { ChildStream } from '../child-stream.ts';
import { behindDoubleFar, inSegments, relaid, withNewerFields } from '../hand-made.ts';
import { expectKind, type ModuleChild } from '../module-child.ts';
import { uint64Of } from './streams.ts';

/** Messages however the pipe cuts them, and however their sender has laid them out. */
export const BYTE_CASES: readonly ConformCase[] = [
  {
    name: 'messages may come byte by byte',
    rule: 'section 1, Framing',
    needs: ['echo'],
    child: 'shared',
    run: async (child) => {
      const { stream, bytes, data } = conversation(child);
      const health = child.answer('cut');
      const message = encodeEnvelope('health', 'cut', EMPTY_PAYLOAD);
      child.says(message);
      const all = Buffer.concat([bytes, message]);
      await child.writePieces(Array.from(all, (byte) => Uint8Array.of(byte)));
      expectKind(await health, 'healthReport');
      expectChunks(await stream.collect(), [data]);
    },
  },
  {
    name: 'many messages may come in one piece',
    rule: 'section 1, Framing',
    needs: ['echo'],
    child: 'shared',
    run: async (child) => {
      const lanes = Array.from({ length: 100 }, () => conversation(child));
      await child.writePieces([Buffer.concat(lanes.map(({ bytes }) => bytes))]);
      for (const { stream, data } of lanes) expectChunks(await stream.collect(), [data]);
    },
  },
  {
    name: 'a cut anywhere in a large message changes nothing',
    rule: 'section 1, Framing',
    needs: ['sink'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('sink');
      const message = stream.encoder.data(new Uint8Array(MAX_DATA_BYTES));
      stream.spends(MAX_DATA_BYTES);
      child.says(message);
      const cuts = [0, 1, 5, 9, 100_001, 700_000, message.length];
      await child.writePieces(cuts.slice(1).map((end, index) => message.subarray(cuts[index], end)));
      stream.close();
      expectSame('the bytes that the handler counted', uint64Of(await stream.answer()), MAX_DATA_BYTES);
    },
  },
  {
    name: 'a message may have several segments, and far pointers between them',
    rule: 'section 1, Framing',
    needs: ['echo', 'sink'],
    child: 'shared',
    run: (child) => inLayout(child, inSegments),
  },
  {
    name: 'a far pointer may lead to a landing pad of two words',
    rule: 'section 1, Framing',
    needs: ['echo', 'sink'],
    child: 'shared',
    run: (child) => inLayout(child, behindDoubleFar),
  },
  {
    name: 'fields that a newer schema added are ignored',
    rule: 'section 10, Changing the schemas',
    needs: ['echo', 'sink'],
    child: 'shared',
    run: (child) => inLayout(child, withNewerFields),
  },
  {
    name: 'a unary request may have any layout, too',
    rule: 'section 1, Framing',
    needs: ['handle'],
    child: 'shared',
    run: async (child) => {
      const body = new Uint8Array(randomBytes(1_000));
      const payload = encodeHandleRequest({ context: { method: 'echo', metadata: [['a', 'b']] }, body });
      for (const layout of [inSegments, behindDoubleFar, withNewerFields]) {
        const requestId = child.requestId();
        const answer = child.answer(requestId);
        child.send(layout(encodeEnvelope('handle', requestId, layout(payload))));
        expectChunks([expectKind(await answer, 'handled').body], [body]);
      }
    },
  },
];

/** A stream of `echo` from its Open to the host's close, as messages that are still to be written. */
function conversation(child: ModuleChild): { stream: ChildStream; data: Uint8Array; bytes: Uint8Array } {
  const stream = child.stream();
  const data = new Uint8Array(randomBytes(50));
  const { encoder } = stream;
  const messages = [encoder.open({ method: 'echo' }), encoder.data(data), encoder.close()];
  stream.begins();
  stream.spends(data.length);
  for (const message of messages) child.says(message);
  return { stream, data, bytes: new Uint8Array(Buffer.concat(messages)) };
}

/** A stream of `echo` whose every message is in that layout. */
async function inLayout(child: ModuleChild, layout: (message: Uint8Array) => Uint8Array): Promise<void> {
  const stream = child.stream();
  const { encoder, id } = stream;
  const data = new Uint8Array(randomBytes(1_000));
  stream.begins();
  stream.spends(data.length);
  child.send(relaid(id, encoder.open({ method: 'echo', metadata: [['key', 'value']] }), layout));
  child.send(relaid(id, encoder.data(data), layout));
  child.send(relaid(id, encoder.close(), layout));
  expectChunks(await stream.collect(), [data]);
  const cancelled = child.open('sink');
  child.send(relaid(cancelled.id, cancelled.encoder.cancel('a reason'), layout));
  await cancelled.ends('cancelled');
}
