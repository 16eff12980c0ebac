/**
 * The kinds of breach of the contract that a host can see:
 *
 * - `framing`: the byte stream isn't framed messages, or ends inside one although the module ended cleanly
 * - `envelope`: a whole message that is no readable envelope
 * - `frame`: a stream frame that can't be read, has an arm that only a host may send, or names two ids
 * - `wrongDirection`: a message type that only the host may send, or one that the schema doesn't have
 * - `unknownStream`: a frame for an id that was never opened
 * - `afterTerminal`: a frame for an id whose terminal frame was already received
 * - `flowControl`: Data at a balance of 0 or below, or longer than `maxDataBytes`
 * - `overGrant`: more credit in all than the cost of the frames that the module was sent
 * - `unknownAnswer`: an answer to a request that is not pending
 * - `malformedAnswer`: an answer or a service request whose payload can't be read
 * - `firstWindow`: `Initialized.initialCredit` below the constant
 * - `afterShutdown`: a message after the answer to `shutdown`, which is the last one
 * - `serviceFlood`: service requests without end, while no answer to them is read
 * - `missingTerminal`: a stream that the module left without its terminal frame on a clean path
 */
export type ViolationKind =
  | 'framing'
  | 'envelope'
  | 'frame'
  | 'wrongDirection'
  | 'unknownStream'
  | 'afterTerminal'
  | 'flowControl'
  | 'overGrant'
  | 'unknownAnswer'
  | 'malformedAnswer'
  | 'firstWindow'
  | 'afterShutdown'
  | 'serviceFlood'
  | 'missingTerminal';

/** One breach of the wire contract by the module. Collected by the session, thrown by nobody. */
export class ContractViolation extends Error {
  override readonly name: string = 'ContractViolation';
  readonly kind: ViolationKind;
  /** The request id of the envelope, which for a stream frame is the stream's id; empty if there is none. */
  readonly requestId: string;

  constructor(kind: ViolationKind, requestId: string, message: string, options?: ErrorOptions) {
    super(`${kind}${requestId === '' ? '' : ` (${requestId})`}: ${message}`, options);
    this.kind = kind;
    this.requestId = requestId;
  }
}

/** The options of an error, without `cause` if it is `undefined`, because `cause: undefined` would be printed. */
export function causedBy(cause: unknown): ErrorOptions {
  return cause === undefined ? {} : { cause };
}
