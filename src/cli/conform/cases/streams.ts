import { createHash, randomBytes } from 'node:crypto';
import { ERROR_CODES, type ErrorCode } from '../../../errors.ts';
import { MAX_DATA_BYTES } from '../../../wire/flow-limits.ts';
import { Breach, expectChunks, expectSame, expectThat } from '../breach.ts';
import { CANCELLED_MS, type ConformCase } from '../case.ts';
import type { ChildStream } from '../child-stream.ts';
import { cancelWithBadText, cutFrame, frameOfArm } from '../hand-made.ts';
import type { ModuleChild } from '../module-child.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../../wire/envelope.ts';

/** The sizes at which something changes: nothing, one byte, the least cost, a whole pipe, the largest frame. */
const SIZES = [0, 1, 63, 64, 65, 65_536, MAX_DATA_BYTES];

/** A stream's life: its data, its one end, and its id. */
export const STREAM_CASES: readonly ConformCase[] = [
  {
    name: 'an Open is served without an initialize',
    rule: 'section 3, initialize',
    needs: ['echo'],
    child: 'untouched',
    run: async (child) => {
      const stream = child
        .open('echo')
        .data(Uint8Array.of(1, 2, 3))
        .close();
      expectChunks(await stream.collect(), [Uint8Array.of(1, 2, 3)]);
    },
  },
  {
    name: 'Data come as they were sent, with their boundaries, from 0 B to 1 MiB',
    rule: 'section 4, data',
    needs: ['echo'],
    child: 'shared',
    run: async (child) => {
      const chunks = [...SIZES, ...SIZES.toReversed()].map((size) => new Uint8Array(randomBytes(size)));
      const stream = child.open('echo');
      const answer = stream.collect();
      await stream.dataWithinCredit(...chunks);
      stream.close();
      expectChunks(await answer, chunks);
    },
  },
  {
    name: 'a handler sees the end of its input and goes on sending',
    rule: 'section 4, close',
    needs: ['sink'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('sink').data(new Uint8Array(1_000), new Uint8Array(0), new Uint8Array(7));
      await child.health();
      expectSame('the end of the stream ahead of the host’s close', stream.ended, undefined);
      stream.close();
      expectSame('the bytes that the handler counted', uint64Of(await stream.answer()), 1_007);
    },
  },
  {
    name: 'a handler may end before the host closes, and late frames are ignored',
    rule: 'section 4, close',
    needs: ['source'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('source', { metadata: entries({ count: '3', size: '16' }) });
      const chunks = await stream.collect();
      expectSame(
        'the sequence numbers',
        chunks.map((chunk) => uint64Of(chunk.subarray(0, 8))),
        [0, 1, 2],
      );
      lateFrames(child, stream);
      await child.health();
    },
  },
  {
    name: 'frames for a stream that never was are ignored',
    rule: 'section 4, What the module owes',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const stranger = child.stream();
      lateFrames(child, stranger);
      await child.health();
      expectSame('the answer to frames of a stream that never was', stranger.ended, undefined);
    },
  },
  {
    name: 'a handler has its chunks in the order in which they were sent',
    rule: 'section 4, A stream’s life',
    needs: ['sha256'],
    child: 'shared',
    run: async (child) => {
      const chunks = [100_000, 0, 3, 1_048_576, 64, 500_000].map((size) => new Uint8Array(randomBytes(size)));
      const stream = child.open('sha256');
      await stream.dataWithinCredit(...chunks);
      stream.close();
      const digest = createHash('sha256').update(Buffer.concat(chunks)).digest();
      expectChunks([await stream.answer()], [new Uint8Array(digest)]);
    },
  },
  {
    name: 'a handler has the whole InvocationContext',
    rule: 'section 4, open',
    needs: ['context'],
    child: 'shared',
    run: async (child) => {
      const deadlineUnixMs = Date.now() + 3_600_000;
      const fields = {
        invocationId: 'inv-1',
        caller: 'käthe@example.org',
        tenant: 'tenant "a"',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=1',
      };
      const metadata = { one: '1', empty: '', ünïcode: '😀' };
      const stream = child.open('context', { ...fields, deadlineUnixMs, metadata: entries(metadata) });
      expectSame('the context', jsonOf(await stream.answer()), {
        ...fields,
        method: 'context',
        deadlineUnixMs,
        metadata,
      });
      const nothing = { invocationId: '', caller: '', tenant: '', traceparent: '', tracestate: '' };
      expectSame(
        'the context of an Open that says nothing but the method',
        jsonOf(await child.open('context').answer()),
        {
          ...nothing,
          method: 'context',
          deadlineUnixMs: 0,
          metadata: {},
        },
      );
    },
  },
  {
    name: 'a method that nobody has is methodNotFound, and nothing else comes',
    rule: 'section 4, open',
    needs: [],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('no such method').data(Uint8Array.of(1));
      await stream.ends('methodNotFound');
      stream.expectNoData();
    },
  },
  {
    name: 'a handler that fails ends its stream with handlerFailed and its message',
    rule: 'section 4, What the module owes',
    needs: ['fail'],
    child: 'shared',
    run: async (child) => {
      expectSame('the message of the error', await child.open('fail').ends('handlerFailed'), 'boom');
    },
  },
  {
    name: 'a handler may fail with any code',
    rule: 'section 7, Error codes',
    needs: ['fail-code'],
    child: 'shared',
    run: async (child) => {
      for (const code of ERROR_CODES) {
        await child.open('fail-code', { metadata: entries({ code }) }).ends(code);
      }
    },
  },
  {
    name: 'the thread of a handler that exits ends its own stream alone, with workerCrashed',
    rule: 'section 4, What the module owes',
    needs: ['exit', 'echo'],
    child: 'shared',
    run: async (child) => {
      await child.open('exit').ends('workerCrashed', CANCELLED_MS);
      expectChunks(await child.open('echo').data(Uint8Array.of(7)).close().collect(), [Uint8Array.of(7)]);
    },
  },
  {
    name: 'more streams than workers are all served, each with its own data',
    rule: 'section 4, open',
    needs: ['echo'],
    child: 'shared',
    run: async (child) => {
      const lanes = Array.from({ length: child.info.workers + 20 }, (_, lane) => {
        const data = new Uint8Array(randomBytes(lane * 10));
        return { data, stream: child.open('echo').data(data).close() };
      });
      for (const { data, stream } of lanes) expectChunks(await stream.collect(), [data]);
    },
  },
  {
    name: 'an id can be used again as soon as its terminal frame was read',
    rule: 'section 4, Stream ids',
    needs: ['echo', 'sink', 'fail'],
    child: 'shared',
    run: async (child) => {
      const first = child.open('echo').close();
      await first.ends('close');
      const { id } = first;
      for (let round = 0; round < 20; round++) {
        const data = Uint8Array.of(round);
        const again = child.stream(id).open({ method: 'echo' }).data(data).close();
        expectChunks(await again.collect(), [data]);
        await child.stream(id).open({ method: 'fail' }).data(data).ends('handlerFailed');
        const cancelled = child.stream(id).open({ method: 'sink' }).data(data);
        cancelled.cancel();
        await cancelled.ends('cancelled', CANCELLED_MS);
      }
    },
  },
  {
    name: 'a second Open of a live id ends that stream, once',
    rule: 'section 4, open',
    needs: ['sink'],
    child: 'shared',
    run: (child) =>
      breach(child, 'protocolViolation', ({ encoder }) => [encoder.open({ method: 'sink' })], 'sink'),
  },
  {
    name: 'data behind the host’s close, and a second close, are protocolViolations',
    rule: 'section 4, close',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      await breach(child, 'protocolViolation', ({ encoder }) => [
        encoder.close(),
        encoder.data(Uint8Array.of(1)),
      ]);
      await breach(child, 'protocolViolation', ({ encoder }) => [encoder.close(), encoder.close()]);
    },
  },
  {
    name: 'an arm that the module does not know ends that stream alone with protocolViolation',
    rule: 'section 4, What the module owes',
    needs: ['spin', 'echo'],
    child: 'shared',
    run: (child) =>
      besideNeighbour(child, async () => {
        // 6 is `progress`, which only a module sends.
        for (const arm of [6, 7, 0xffff])
          await breach(child, 'protocolViolation', ({ id }) => [frameOfArm(id, arm)]);
      }),
  },
  {
    name: 'a frame that can not be read ends that stream alone with protocolViolation',
    rule: 'section 4, What the module owes',
    needs: ['spin', 'echo'],
    child: 'shared',
    run: (child) =>
      besideNeighbour(child, async () => {
        const frames: readonly ((stream: ChildStream) => Uint8Array)[] = [
          ({ id }) => encodeEnvelope('streamFrame', id, EMPTY_PAYLOAD),
          ({ id }) => cutFrame(id),
          ({ id }) => cancelWithBadText(id),
          ({ id }) => frameOfArm(id, 3, child.stream().id),
        ];
        for (const frame of frames) await breach(child, 'protocolViolation', (stream) => [frame(stream)]);
      }),
  },
  {
    name: 'a frame that can not be read, for an id that is not live, is answered once',
    rule: 'section 4, What the module owes',
    needs: [],
    child: 'shared',
    run: async (child) => {
      for (const arm of [7, 0xffff]) {
        const stranger = child.stream();
        child.send(frameOfArm(stranger.id, arm));
        await stranger.ends('protocolViolation');
      }
    },
  },
];

/** Everything that may still come for a stream that has ended, or never began. */
function lateFrames(child: ModuleChild, { encoder }: ChildStream): void {
  child.send(encoder.data(new Uint8Array(MAX_DATA_BYTES)));
  child.send(encoder.data(new Uint8Array(MAX_DATA_BYTES)));
  child.send(encoder.credit(0xffff_ffff));
  child.send(encoder.close());
  child.send(encoder.close());
  child.send(encoder.cancel('late'));
  child.send(encoder.error({ code: 'internal', message: 'late' }));
}

/** Says to a running stream what no host may say, and expects one end of it. */
export async function breach(
  child: ModuleChild,
  code: ErrorCode,
  frames: (stream: ChildStream) => readonly Uint8Array[],
  method = 'spin',
): Promise<void> {
  const stream = child.open(method, { metadata: entries({ ms: '60000' }) });
  for (const frame of frames(stream)) child.send(frame);
  await stream.ends(code, CANCELLED_MS);
  await child.health();
}

/** Does `action` beside a stream that must not notice it. */
async function besideNeighbour(child: ModuleChild, action: () => Promise<void>): Promise<void> {
  const neighbour = child.open('echo').data(Uint8Array.of(1));
  // With one worker the neighbour would hold what is tested up.
  if (child.info.workers < 2) await neighbour.close().ends('close');
  else expectChunks([await neighbour.next()], [Uint8Array.of(1)]);
  await action();
  if (neighbour.ended !== undefined) {
    if (child.info.workers < 2) return;
    throw new Breach('a neighbour that never noticed', `its stream ended: ${neighbour.ended.kind}`);
  }
  neighbour.data(Uint8Array.of(2)).close();
  expectChunks(await neighbour.collect(), [Uint8Array.of(2)]);
}

/** A list of metadata. */
export function entries(metadata: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(metadata);
}

/** The little-endian UInt64 that a method answers with. */
export function uint64Of(data: Uint8Array): number {
  expectThat(data.length === 8, '8 bytes, a little-endian UInt64', `${data.length} bytes`);
  return Number(new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true));
}

function jsonOf(data: Uint8Array): unknown {
  const text = new TextDecoder().decode(data);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Breach('the context as JSON', text);
  }
}
