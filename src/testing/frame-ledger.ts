import { FRAME_ARM } from '../wire/frame.ts';
import { MessageDecoder } from '../wire/message-decoder.ts';
import type { StreamId } from '../wire/stream-id.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../wire/capnp/limits.ts';

/** The frames that the host has received for one stream. */
export interface FrameCounts {
  data: number;
  /** Close and error frames; exactly one in the end. */
  terminals: ('close' | 'error')[];
  /** Frames behind the first terminal one: always 0, where the module keeps the contract. */
  late: number;
}

/** Counts the module's frames by stream, as a second opinion beside the host's session. */
export class FrameLedger {
  readonly #decoder: MessageDecoder;
  readonly #streams = new Map<string, FrameCounts>();
  /** Number of Opens that the host has sent. */
  opens = 0;

  constructor(limits: WireLimits = DEFAULT_WIRE_LIMITS) {
    this.#decoder = new MessageDecoder(limits);
  }

  /** Counts a new stream from 0; its id may have been that of another, which has ended. */
  begin(id: StreamId): FrameCounts {
    const counts: FrameCounts = { data: 0, terminals: [], late: 0 };
    this.#streams.set(id, counts);
    return counts;
  }

  of(id: StreamId): FrameCounts | undefined {
    return this.#streams.get(id);
  }

  /** Counts one whole message of the host. */
  sent(message: Uint8Array): void {
    const isFrame = this.#decoder.decode(message) === 'streamFrame';
    if (isFrame && this.#decoder.frame.arm === FRAME_ARM.open) this.opens++;
  }

  /**
   * Counts one whole message of the module.
   *
   * @returns the id and counts of its stream; `undefined`: it is no stream's frame
   * @throws MalformedError
   */
  see(message: Uint8Array): { id: StreamId; counts: FrameCounts } | undefined {
    const decoder = this.#decoder;
    switch (decoder.decode(message)) {
      case 'streamFrame':
      case 'unknownArm':
        break;
      case 'malformedEnvelope':
      case 'malformedFrame':
      case 'notAStreamId':
        throw decoder.malformed;
      default:
        return undefined;
    }
    const id = decoder.requestId() as StreamId;
    const counts = this.of(id) ?? this.begin(id);
    if (counts.terminals.length > 0) counts.late++;
    const { arm } = decoder.frame;
    if (arm === FRAME_ARM.data) counts.data++;
    else if (arm === FRAME_ARM.close) counts.terminals.push('close');
    else if (arm === FRAME_ARM.error) counts.terminals.push('error');
    return { id, counts };
  }
}

/** @throws Error unless the stream has had one terminal frame and nothing behind it */
export function checkTerminal(id: StreamId, { terminals, late }: FrameCounts): void {
  if (terminals.length === 1 && late === 0) return;
  const what =
    terminals.length === 0 ? 'no terminal frame' : `${terminals.join(', ')} as its terminal frames`;
  const behind = late === 0 ? '' : ` and ${late} frames behind the first of them`;
  throw new Error(`The stream ${id} has had ${what}${behind}; it gets exactly one, and nothing follows it.`);
}
