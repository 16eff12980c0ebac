import type { ErrorCode } from '../../src/errors.ts';
import type { Services, StreamLog } from '../../src/stream/server-stream.ts';
import { StreamHandle, type BlockedOn, type StreamIo } from '../../src/stream/stream-handle.ts';
import { EMPTY_CONTEXT, type InvocationContextInit } from '../../src/wire/context.ts';

/** A stream's way out in memory; the test decides when there is credit, room and a cause. */
export class FakeStreamIo implements StreamIo {
  /** Bytes that may be sent; one frame may take it below 0. */
  credit = Infinity;
  /** Frames that there is room for. */
  room = Infinity;
  decided: ErrorCode | undefined;
  readonly sent: Uint8Array[] = [];
  readonly grants: number[] = [];
  readonly blocks: BlockedOn[] = [];
  /** What happens while the handler's thread blocks. Where nothing does, the thread would hang: an error. */
  onBlock: ((on: BlockedOn) => void) | undefined;
  roomsAwaited = 0;

  cause(): ErrorCode | undefined {
    return this.decided;
  }

  trySend(payload: Uint8Array): 'sent' | 'credit' | 'room' {
    if (this.credit <= 0) return 'credit';
    if (this.room <= 0) return 'room';
    this.credit -= Math.max(payload.length, 64);
    this.room--;
    this.sent.push(payload.slice());
    return 'sent';
  }

  grant(bytes: number): void {
    this.grants.push(bytes);
  }

  block(on: BlockedOn): void {
    this.blocks.push(on);
    if (this.blocks.length > 10_000) throw new Error(`the thread goes round and round for ${on}`);
    if (this.onBlock === undefined) throw new Error(`the thread would block for ${on} for ever`);
    this.onBlock(on);
  }

  awaitRoom(): void {
    this.roomsAwaited++;
  }

  /** Numbers that were sent one byte each. */
  get sentBytes(): number[] {
    return this.sent.map((payload) => payload[0] ?? -1);
  }
}

const noLog = (): void => {};
const LOG: StreamLog = { debug: noLog, info: noLog, warn: noLog, error: noLog };

/** Nobody answers. */
const SERVICES: Services = {
  request: () => Promise.reject(new Error('no host')),
  requestSync: () => {
    throw new Error('no host');
  },
};

export interface TestStream {
  readonly io: FakeStreamIo;
  readonly stream: StreamHandle;
  /** Decides a cause as main does: the word first, then the message. */
  readonly stop: (cause: ErrorCode, reason: string) => void;
}

/** A handle around a fake way out. @param window its first input window, in bytes */
export function testStream(window = 262_144, context: InvocationContextInit = {}): TestStream {
  const io = new FakeStreamIo();
  const stream = new StreamHandle(io, { ...EMPTY_CONTEXT, ...context }, window, LOG, SERVICES);
  return {
    io,
    stream,
    stop: (cause, reason) => {
      io.decided ??= cause;
      stream.stop(cause, reason);
    },
  };
}

/** A payload whose bytes are all `value`. */
export function bytes(value: number, length = 1): Uint8Array {
  return new Uint8Array(length).fill(value);
}
