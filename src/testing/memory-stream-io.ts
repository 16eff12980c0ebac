import { bytesOf } from '../base/typed-array.ts';
import type { ErrorCode } from '../errors.ts';
import type { Services, StreamLog } from '../handle/server-stream.ts';
import type { BlockedOn, StreamIo } from '../handle/stream-io.ts';
import { dataCost } from '../wire/flow-limits.ts';

/** The way out of a stream, in memory. The test decides when there is credit, room and a cause. */
export class MemoryStreamIo implements StreamIo {
  /** Bytes that may be sent; one frame may take it below 0. */
  credit = Infinity;
  /** Frames that there is room for. */
  room = Infinity;
  decided: ErrorCode | undefined;
  readonly sent: Uint8Array[] = [];
  readonly grants: number[] = [];
  readonly progressed: Uint8Array[] = [];
  readonly blocks: BlockedOn[] = [];
  /** Is called where the handler's thread would block. Left out, the block is an error, because nothing would ever end it. */
  onBlock: ((on: BlockedOn) => void) | undefined;
  /** Is told of each payload as it is sent. */
  onSent: ((payload: Uint8Array) => void) | undefined;
  roomsAwaited = 0;
  readonly #log: StreamLog;
  readonly #services: Services;

  constructor(log: StreamLog, services: Services) {
    this.#log = log;
    this.#services = services;
  }

  log(): StreamLog {
    return this.#log;
  }

  services(): Services {
    return this.#services;
  }

  cause(): ErrorCode | undefined {
    return this.decided;
  }

  trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room' {
    if (this.credit <= 0) return 'credit';
    if (this.room <= 0) return 'room';
    this.credit -= dataCost(length);
    this.room--;
    const copy = bytesOf(payload)?.slice() ?? new Uint8Array(0);
    this.sent.push(copy);
    this.onSent?.(copy);
    return 'sent';
  }

  progress(value: Uint8Array): void {
    this.progressed.push(value.slice());
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
}
