import { encodeEnvelope } from '../../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import type { StreamId } from '../../../src/wire/stream-id.ts';

/** What the host can do to a stream. The ones behind the blank line are kept out of the exhaustive runs. */
export const HOST_EVENTS = [
  'open',
  'data',
  'dataTooLarge',
  'credit',
  'creditTooMuch',
  'close',
  'cancel',
  'error',
  'unknownArm',

  'garbage',
  'emptyFrame',
  'otherId',
  'creditZero',
  'openUnknownMethod',
  'openTooMuchCredit',
  'openTooLate',
  'openLargeContext',
] as const;
export type HostEventName = (typeof HOST_EVENTS)[number];

/** What can happen to it in the module; see {@link StreamModel} for when each can. */
export const MODULE_EVENTS = [
  /** The first worker that loads has loaded. */
  'ready',
  /** The handler returns, throws: its terminal frame is committed. */
  'returns',
  'throws',
  'sends',
  /** The handler takes one chunk of its input. */
  'takes',
  /** The handler has really ended. */
  'settles',
  /** The thread dies by itself: revoked, then gone, as the pool has it. */
  'exits',
  /** The thread is gone, and nobody revoked it. */
  'vanishes',
  /** The grace time is over. */
  'grace',
  /** Main has got the lock and taken the worker's right to write. */
  'revoked',
  /** An ended worker that runs nothing is gone. */
  'leaves',
  'deadline',
  'connectionEnds',
] as const;
export type ModuleEventName = (typeof MODULE_EVENTS)[number];

export interface StreamEvent {
  readonly name: HostEventName | ModuleEventName;
  /** Which of {@link IDS}. */
  readonly stream: number;
}

export function isHostEvent(name: StreamEvent['name']): name is HostEventName {
  return (HOST_EVENTS as readonly string[]).includes(name);
}

/** The first two share a place in the router's small cache of ids. */
export const IDS = [
  '00000000000000000000000000000005',
  '00000000000000010000000000000004',
  'ffffffffffffffff8000000000000000',
] as StreamId[];

/** The numbers of the model's world, in bytes and ms. */
export const WORLD = {
  receiveWindow: 100,
  initialCredit: 100,
  dataBytes: 10,
  /** What a frame of `dataBytes` costs. */
  dataCost: 64,
  grant: 1000,
  now: 1_700_000_000_000,
  deadlineMs: 50_000,
  graceMs: 1000,
  maxContextBytes: 4096,
} as const;

const STRANGER = 'abababababababababababababababab' as StreamId;

/** An envelope's bytes ahead of its payload, for an id's 32 digits, and the nested discriminant's place in the whole. */
const ENVELOPE_BYTES = 80;
const DISCRIMINANT_AT = ENVELOPE_BYTES + 32;

const cache = new Map<string, Uint8Array>();

/** The whole message that the host sends. */
export function hostMessage(name: HostEventName, stream: number): Uint8Array {
  const key = `${name}@${stream}`;
  let message = cache.get(key);
  if (message === undefined) {
    message = encode(name, IDS[stream] ?? STRANGER);
    cache.set(key, message);
  }
  return message;
}

function encode(name: HostEventName, id: StreamId): Uint8Array {
  const frame = new FrameEncoder(id);
  const deadlineUnixMs = WORLD.now + WORLD.deadlineMs;
  switch (name) {
    case 'open':
      return encodeOpenFrame(id, { method: 'known', deadlineUnixMs }, WORLD.initialCredit);
    case 'openUnknownMethod':
      return encodeOpenFrame(id, { method: 'unknown', deadlineUnixMs }, WORLD.initialCredit);
    case 'openTooMuchCredit':
      return encodeOpenFrame(id, { method: 'known', deadlineUnixMs }, 0x8000_0000);
    case 'openTooLate':
      return encodeOpenFrame(id, { method: 'known', deadlineUnixMs: WORLD.now }, WORLD.initialCredit);
    case 'openLargeContext':
      return encodeOpenFrame(
        id,
        { method: 'known', caller: 'x'.repeat(WORLD.maxContextBytes) },
        WORLD.initialCredit,
      );
    case 'data':
      return frame.data(new Uint8Array(WORLD.dataBytes));
    case 'dataTooLarge':
      return frame.data(new Uint8Array(1_048_577));
    case 'credit':
      return frame.credit(WORLD.grant);
    case 'creditTooMuch':
      return frame.credit(0xffff_ffff);
    case 'creditZero':
      return frame.credit(0);
    case 'close':
      return frame.close();
    case 'cancel':
      return frame.cancel('enough');
    case 'error':
      return frame.error({ code: 'handlerFailed', message: 'the host failed' });
    case 'unknownArm': {
      const message = frame.close();
      message[DISCRIMINANT_AT] = 9;
      return message;
    }
    case 'garbage':
      return encodeEnvelope('streamFrame', id, new Uint8Array(24).fill(0xee));
    case 'emptyFrame':
      return encodeEnvelope('streamFrame', id, new Uint8Array(0));
    case 'otherId':
      return encodeEnvelope('streamFrame', id, new FrameEncoder(STRANGER).close().subarray(ENVELOPE_BYTES));
  }
}
