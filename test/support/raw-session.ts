import { connectionOf, type HostSession } from '../../src/host/host-session.ts';
import type { Connection } from '../../src/host/connection.ts';
import type { ContractViolation } from '../../src/host/contract-violation.ts';
import { LiveStream, type HostStream, type OpenStreamOptions } from '../../src/host/streams/host-stream.ts';
import { INITIAL_CREDIT } from '../../src/wire/flow-limits.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';

/** A host that writes by hand, in order with what a session writes, and says what no sound host would. */
export class RawSession {
  readonly #session: HostSession;
  readonly #connection: Connection;

  constructor(session: HostSession) {
    this.#session = session;
    this.#connection = connectionOf(session);
  }

  /** How many streams have no terminal frame yet. */
  get liveStreams(): number {
    return this.#connection.streams.size;
  }

  /** Writes `bytes` as they are, in order with everything else. */
  sendRaw(bytes: Uint8Array): void {
    this.#connection.outbound.write(bytes);
  }

  /**
   * Listens to a stream whose Open is written by hand. The grants of the module are not checked, since what it was sent isn't
   * known.
   */
  adoptStream(
    id: StreamId,
    { initialCredit = INITIAL_CREDIT, autoCredit = true }: OpenStreamOptions = {},
  ): HostStream {
    const { outbound, streams, over, shutdownSent } = this.#connection;
    const windows = { send: INITIAL_CREDIT, receive: initialCredit, autoCredit };
    const stream = new AdoptedStream(outbound, id, windows, !shutdownSent, undefined);
    if (over === undefined) streams.add(stream);
    else stream.abandon(over);
    return stream;
  }

  /** Listens for the answer to a request that is written by hand: the payload of the response, or the error. */
  expectAnswer(requestId: string): Promise<Uint8Array> {
    const { calls, over } = this.#connection;
    return over === undefined ? calls.wait(requestId) : Promise.reject(over);
  }

  /** The session's violations, but for the module's rightful complaints of what was written by hand. */
  get violations(): ContractViolation[] {
    return this.#session.violations.filter((violation) => !isComplaint(violation));
  }
}

/** Whether the module only says that what no stream or call of the session knows breaks the contract. */
function isComplaint({ kind, message }: ContractViolation): boolean {
  const isStray = kind === 'unknownStream' || kind === 'afterTerminal' || kind === 'unknownAnswer';
  return isStray && message.includes('error of code protocolViolation');
}

class AdoptedStream extends LiveStream {
  override recvCredit(bytes: number): boolean {
    super.recvCredit(bytes);
    return true;
  }
}
