import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ErrorCode, HostStream, ModuleProcess, TransportKind } from '../../src/host/index.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { INITIAL_CREDIT, MAX_CREDIT, MAX_DATA_BYTES } from '../../src/wire/flow-limits.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { rawSession, startModule } from '../support/module.ts';
import { byteWords, bytesPointer, message, NULL, structPointer, type Word } from '../support/wire-words.ts';
import {
  collect,
  endsWith,
  finishEcho,
  LIMIT,
  newStreamId,
  runningEcho,
  TRANSPORTS,
  uint64Of,
  untilBusy,
  WireTap,
} from './helpers.ts';

/** A frame for `id` whose nested message is put together by hand: the words of the data section, a pointer, and what follows. */
function frame(
  id: StreamId,
  arm: number,
  { inner = id, pointer = NULL, body = [] as Word[] } = {},
): Uint8Array {
  const word = (at: number): number => Number.parseInt(inner.slice(at, at + 8), 16);
  const hi: Word = [word(8), word(0)];
  const lo: Word = [word(24), word(16)];
  const payload = message([structPointer(0, 3, 1), hi, lo, [arm, 0], pointer, ...body]);
  return encodeEnvelope('streamFrame', id, payload);
}

const invalidUtf8 = { pointer: bytesPointer(0, 3), body: byteWords([0xc3, 0x28, 0]) };
const ARM = { data: 1, cancel: 4, error: 5, progress: 6, unknown: 7, highest: 0xffff };

/** What a host must not send to a stream that runs, and how that stream ends. */
const breaches: Record<
  string,
  { code: ErrorCode; frames: (id: StreamId, encoder: FrameEncoder) => Uint8Array[] }
> = {
  'a second Open of the id': {
    code: 'protocolViolation',
    frames: (id) => [encodeOpenFrame(id, { method: 'echo' })],
  },
  'data after close': {
    code: 'protocolViolation',
    frames: (_, encoder) => [encoder.close(), encoder.data(Uint8Array.of(1))],
  },
  'a second close': {
    code: 'protocolViolation',
    frames: (_, encoder) => [encoder.close(), encoder.close()],
  },
  'one byte at a balance of 0': {
    code: 'flowControlViolation',
    frames: (_, encoder) => [
      ...Array.from({ length: 4 }, () => encoder.data(new Uint8Array(65_536))),
      encoder.data(Uint8Array.of(1)),
    ],
  },
  'an empty frame at a balance of 0, which 4,096 tiny ones have used up': {
    code: 'flowControlViolation',
    frames: (_, encoder) =>
      Array.from({ length: INITIAL_CREDIT / 64 + 1 }, (_unused, index) =>
        encoder.data(new Uint8Array(index % 65)),
      ),
  },
  'a frame after the one that took the balance below 0': {
    code: 'flowControlViolation',
    frames: (_, encoder) =>
      [new Uint8Array(INITIAL_CREDIT - 1), new Uint8Array(MAX_DATA_BYTES), new Uint8Array(0)].map((data) =>
        encoder.data(data),
      ),
  },
  'more than 1 MiB in a frame': {
    code: 'flowControlViolation',
    frames: (_, encoder) => [encoder.data(new Uint8Array(MAX_DATA_BYTES + 1))],
  },
  'a credit that takes the balance past 2^31-1': {
    code: 'flowControlViolation',
    frames: (_, encoder) => [encoder.credit(MAX_CREDIT - INITIAL_CREDIT), encoder.credit(1)],
  },
  'a credit of 2^32-1': {
    code: 'flowControlViolation',
    frames: (_, encoder) => [encoder.credit(0xffff_ffff)],
  },
  'an unknown arm': { code: 'protocolViolation', frames: (id) => [frame(id, ARM.unknown)] },
  'an arm that only a module sends': {
    code: 'protocolViolation',
    frames: (id) => [frame(id, ARM.progress)],
  },
  'the highest arm there can be': { code: 'protocolViolation', frames: (id) => [frame(id, ARM.highest)] },
  'a frame that says another id': {
    code: 'protocolViolation',
    frames: (id) => [frame(id, ARM.data, { inner: newStreamId() })],
  },
  'no frame at all': {
    code: 'protocolViolation',
    frames: (id) => [encodeEnvelope('streamFrame', id, EMPTY_PAYLOAD)],
  },
  'a frame that is no message': {
    code: 'protocolViolation',
    frames: (id) => [encodeEnvelope('streamFrame', id, new TextEncoder().encode('GET / HTTP/1.1\r\n'))],
  },
  'a frame cut short': {
    code: 'protocolViolation',
    frames: (id) => [encodeEnvelope('streamFrame', id, message([structPointer(0, 3, 1), NULL, NULL]))],
  },
  'data that lie outside the message': {
    code: 'protocolViolation',
    frames: (id) => [frame(id, ARM.data, { pointer: bytesPointer(0, 9), body: [NULL] })],
  },
  'a cancel that is no UTF-8': {
    code: 'protocolViolation',
    frames: (id) => [frame(id, ARM.cancel, invalidUtf8)],
  },
};

for (const transport of TRANSPORTS) {
  test(`a frame that breaks the protocol ends its own stream alone, once, over ${transport}s`, LIMIT, (t) =>
    checkBreaches(t, transport),
  );
}

async function checkBreaches(t: TestContext, transport: TransportKind): Promise<void> {
  const tap = new WireTap();
  const module = startModule(t, {
    transport,
    workers: 2,
    args: ['--cancel-grace-ms', '60000'],
    onWire: tap.record,
  });
  const neighbour = await runningEcho(module);
  const busy = { metadata: { ms: '60000' } };

  for (const [what, { code, frames }] of Object.entries(breaches)) {
    await t.test(`${what}, to a stream that runs`, async () => {
      // It reads nothing, so it gives no credit back; and it looks at its cancel flag.
      const stream = module.openStream('spin', busy);
      await untilBusy(module, 2);
      await breach(module, tap, stream, code, frames(stream.id, new FrameEncoder(stream.id)));
      await serveAgain(module, tap, stream.id, code);
    });

    await t.test(`${what}, to a stream that waits for a worker`, async () => {
      const running = module.openStream('spin', busy);
      await untilBusy(module, 2);
      const stream = module.openStream('exit');
      await breach(module, tap, stream, code, frames(stream.id, new FrameEncoder(stream.id)));
      running.cancel('done');
      await endsWith(running, 'cancelled');
      await serveAgain(module, tap, stream.id, code);
    });
  }

  await t.test('the neighbour never noticed, and both workers still work', async () => {
    const other = await runningEcho(module);
    await finishEcho(neighbour);
    await finishEcho(other);
  });
}

/** Sends the frames at once and expects one terminal frame, with nothing behind it. */
async function breach(
  module: ModuleProcess,
  tap: WireTap,
  stream: HostStream,
  code: ErrorCode,
  frames: Uint8Array[],
): Promise<void> {
  rawSession(module).sendRaw(Buffer.concat(frames));
  await endsWith(stream, code);
  await module.health();
  assert.deepEqual(tap.terminals(stream.id), [`error ${code}`]);
}

/** The id of the broken stream serves the next one, and got no second terminal frame meanwhile. */
async function serveAgain(module: ModuleProcess, tap: WireTap, id: StreamId, code: ErrorCode): Promise<void> {
  const again = module.openStream('sink', { id });
  again.end();
  assert.equal((await collect(again)).length, 1);
  assert.deepEqual(tap.terminals(id), [`error ${code}`, 'close']);
}

test('what is just within the bounds is no breach', LIMIT, async (t) => {
  const tap = new WireTap();
  const module = startModule(t, { workers: 1, onWire: tap.record });
  const { session } = module;
  const raw = rawSession(module);

  await t.test('the whole window, and one frame that takes it below 0', async () => {
    const stream = raw.adoptStream(newStreamId());
    const encoder = new FrameEncoder(stream.id);
    const open = encodeOpenFrame(stream.id, { method: 'sink' });
    const data = [INITIAL_CREDIT - 1, MAX_DATA_BYTES].map((size) => encoder.data(new Uint8Array(size)));
    raw.sendRaw(Buffer.concat([open, ...data, encoder.close()]));
    const [total] = await collect(stream);
    assert.ok(total);
    assert.equal(uint64Of(total), BigInt(INITIAL_CREDIT - 1 + MAX_DATA_BYTES));
  });

  await t.test('a balance of 2^31-1 by grants, and by the Open', async () => {
    for (const initialCredit of [INITIAL_CREDIT, MAX_CREDIT]) {
      const stream = session.openStream('echo', { initialCredit });
      const encoder = new FrameEncoder(stream.id);
      raw.sendRaw(encoder.credit(0));
      raw.sendRaw(encoder.credit(MAX_CREDIT - initialCredit));
      await stream.send(Uint8Array.of(1));
      await stream.next();
      await finishEcho(stream);
    }
  });

  await t.test('an initialCredit of 2^31 is refused', async () => {
    await endsWith(session.openStream('echo', { initialCredit: MAX_CREDIT + 1 }), 'flowControlViolation');
  });

  await t.test('late and unknown frames are ignored', async () => {
    const ended = await runningEcho(module);
    await finishEcho(ended);
    for (const id of [ended.id, newStreamId()]) {
      const before = tap.of(id);
      const encoder = new FrameEncoder(id);
      const late = [
        encoder.data(new Uint8Array(MAX_DATA_BYTES)),
        encoder.data(new Uint8Array(MAX_DATA_BYTES)),
        encoder.credit(0xffff_ffff),
        encoder.close(),
        encoder.close(),
        encoder.cancel('late'),
        encoder.error({ code: 'internal', message: 'late' }),
      ];
      raw.sendRaw(Buffer.concat(late));
      await module.health();
      assert.deepEqual(tap.of(id), before);
    }
  });

  await t.test('a frame that can not be read, for an id that is not live, is answered once', async () => {
    for (const broken of [
      frame(newStreamId(), ARM.unknown),
      frame(newStreamId(), ARM.data, { inner: newStreamId() }),
    ]) {
      const id = new TextDecoder().decode(broken.subarray(40, 72));
      raw.sendRaw(broken);
      await module.health();
      assert.deepEqual(tap.of(id), ['error protocolViolation']);
    }
  });
});
