import { Message } from 'capnp-es';
import protobuf from 'protobufjs';
import { Bench } from 'tinybench';
import { IpcEnvelope } from '../../schema/generated/ipc.ts';
import { StreamFrame } from '../../schema/generated/ipc_streaming.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { parseStreamId } from '../../src/wire/stream-id.ts';
import { MessageDecoder } from '../../src/wire/message-decoder.ts';
import type { Contest, Contestant } from '../harness/contest.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

const ID_HIGH = 0x0123456789abcdefn;
const ID_LOW = 0x02468acf13579bden;
const ID_TEXT = '0123456789abcdef02468acf13579bde';

/** One message format: a Data frame from its payload, and the payload (a copy) from the frame. */
interface Codec {
  readonly name: string;
  encode(payload: Uint8Array): Uint8Array;
  /** The message that is decoded, if it is another than `encode` makes. */
  received?(payload: Uint8Array): Uint8Array;
  decode(message: Uint8Array): Uint8Array;
}

/** Decodes one Data frame in its envelope and encodes another, in one process. */
export function codecContests(): Contest[] {
  return [64, 65_536].map((payloadBytes) => ({
    scope: 'codec',
    title: `decode + encode of a Data frame of ${payloadBytes} B`,
    unit: 'pairs/s',
    contestants: [ownCodec('usual'), ownCodec('any'), capnpEs(), protobufJs(), json()].map(
      (codec) => () => Promise.resolve(contestant(codec, payloadBytes)),
    ),
    targets:
      payloadBytes === 64
        ? [{ of: 'ixt', against: 'capnp-es', atLeast: 30 }]
        : [{ of: 'ixt', against: 'capnp-es' }],
  }));
}

function contestant(codec: Codec, payloadBytes: number): Contestant {
  const payload = Uint8Array.from({ length: payloadBytes }, (_, index) => index);
  const message = codec.received?.(payload) ?? codec.encode(payload);
  if (Buffer.compare(codec.decode(message), payload) !== 0) throw new Error(`${codec.name} changes bytes.`);
  let seen = 0;
  return {
    name: codec.name,
    async measure(seconds) {
      const bench = new Bench({ time: seconds * 1000, warmupTime: seconds * 100, warmupIterations: 1 });
      bench.add(codec.name, () => {
        seen += codec.decode(message).length + codec.encode(payload).length;
      });
      const [task] = await bench.run();
      if (task?.result.state !== 'completed' || seen === 0) throw new Error(`${codec.name} did not run.`);
      return { value: task.result.throughput.mean, details: { 'message bytes': message.length } };
    },
    close: () => Promise.resolve(),
  };
}

/**
 * With every check that main makes of a frame, and as it makes them: nearly all Data comes in the usual layout, that of encoders, and
 * is recognised by it; any other layout is decoded.
 */
function ownCodec(layout: 'usual' | 'any'): Codec {
  const id = parseStreamId(ID_TEXT);
  if (id === undefined) throw new Error('not a stream id');
  const encoder = new FrameEncoder(id);
  const decoder = new MessageDecoder(DEFAULT_WIRE_LIMITS);
  return {
    name: layout === 'usual' ? 'ixt' : 'ixt, any layout',
    encode: (payload) => encoder.data(payload),
    received: (payload) => {
      const message = encoder.data(payload);
      return layout === 'usual' ? message : withUnusedWord(message);
    },
    decode(message) {
      if (decoder.decode(message) !== 'streamFrame') throw decoder.malformed;
      const { frame } = decoder;
      return message.slice(frame.dataStart, frame.dataEnd);
    },
  };
}

/** The same message with a word behind all that it says, which any builder may leave there: no encoder of ours does. */
function withUnusedWord(message: Uint8Array): Uint8Array {
  const longer = new Uint8Array(message.length + 8);
  longer.set(message);
  const view = new DataView(longer.buffer);
  view.setUint32(4, view.getUint32(4, true) + 1, true);
  return longer;
}

/** The generated classes, used as their documentation shows; none of our checks. */
function capnpEs(): Codec {
  return {
    name: 'capnp-es',
    encode(payload) {
      const inner = new Message();
      const frame = inner.initRoot(StreamFrame);
      frame.streamId.hi = ID_HIGH;
      frame.streamId.lo = ID_LOW;
      frame._initData(payload.length).copyBuffer(payload);
      const nested = new Uint8Array(inner.toArrayBuffer());
      const outer = new Message();
      const envelope = outer.initRoot(IpcEnvelope);
      envelope.messageType = IpcEnvelope.MessageType.STREAM_FRAME;
      envelope.requestId = ID_TEXT;
      envelope._initPayload(nested.length).copyBuffer(nested);
      return new Uint8Array(outer.toArrayBuffer());
    },
    decode(message) {
      const envelope = new Message(message, false).getRoot(IpcEnvelope);
      if (envelope.requestId !== ID_TEXT) throw new Error('another id');
      const frame = new Message(envelope.payload.toUint8Array(), false).getRoot(StreamFrame);
      if (frame.streamId.hi !== ID_HIGH) throw new Error('another id');
      return frame.data.toUint8Array().slice();
    },
  };
}

/** The same fields as one nested message; ids as fixed64, which protobufjs keeps as two numbers. */
function protobufJs(): Codec {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message StreamFrame { fixed64 hi = 1; fixed64 lo = 2; oneof what { bytes data = 3; uint32 credit = 4; } }
    message Envelope { uint32 messageType = 1; string requestId = 2; StreamFrame frame = 3; }`);
  const type = root.lookupType('Envelope');
  const [hi, lo] = [ID_HIGH, ID_LOW].map((word) =>
    protobuf.util.LongBits.from({
      low: Number(word & 0xffff_ffffn) | 0,
      high: Number(word >> 32n) | 0,
      unsigned: true,
    }),
  );
  return {
    name: 'protobufjs',
    encode: (data) => type.encode({ messageType: 9, requestId: ID_TEXT, frame: { hi, lo, data } }).finish(),
    decode(message) {
      const decoded = type.decode(message) as unknown as { requestId: string; frame: { data: Uint8Array } };
      if (decoded.requestId !== ID_TEXT) throw new Error('another id');
      return decoded.frame.data.slice();
    },
  };
}

function json(): Codec {
  const text = new TextEncoder();
  return {
    name: 'JSON, base64',
    encode: (data) =>
      text.encode(JSON.stringify({ type: 'data', id: ID_TEXT, data: Buffer.from(data).toString('base64') })),
    decode(message) {
      const { id, data } = JSON.parse(
        Buffer.from(message.buffer, message.byteOffset, message.length).toString(),
      ) as {
        id: string;
        data: string;
      };
      if (id !== ID_TEXT) throw new Error('another id');
      return Buffer.from(data, 'base64');
    },
  };
}
