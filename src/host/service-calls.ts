import { bytesOf, kindName } from '../base/typed-array.ts';
import { isModuleError, ModuleError, type ErrorReport } from '../errors.ts';
import { Queue } from '../base/queue.ts';
import { cutUtf8 } from '../base/text.ts';
import { decodeServiceRequest } from '../wire/payload-decode.ts';
import { encodeServiceResponse } from '../wire/payload-encode.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { encodeIpcError } from '../wire/error-payload.ts';
import { serviceHandlerOf, type OnService, type ServiceCall, type ServiceHandler } from './service-table.ts';
import { ENVELOPE_ROOM, MAX_ERROR_TEXT_BYTES } from './message-bounds.ts';

/**
 * Calls of `onService` that run at once. It is more than the handlers of one worker may wait for (1,024), because some answers may
 * never come.
 */
const MAX_RUNNING = 2_048;
/**
 * Calls that are begun in one turn of the event loop, because only after the turn is it known whether the module reads the answers.
 */
const MAX_STARTS = 128;
/** Service requests that may wait for a running call to end, or for the module to read; their number, and below their bytes. */
const MAX_WAITING = 8_192;
const MAX_WAITING_BYTES = 64 << 20;
/** The largest details of an error that are passed on, in bytes. */
const MAX_DETAILS_BYTES = 1 << 20;

interface WaitingCall {
  readonly requestId: string;
  readonly call: ServiceCall;
}

/** The connection, as the service calls see it. */
export interface ServiceLink {
  /** Whether the module doesn't read the bytes that were written. */
  readonly clogged: boolean;
  write(message: Uint8Array): void;
  /** The module sends requests without end and reads no answer. */
  onFlood(message: string): void;
}

/**
 * Runs the host's `onService` for the requests of handlers, a limited number at once.
 *
 * No call is begun while the module doesn't read its answers, since each answer would be held here. Requests beyond the limits of
 * waiting ones are refused with `resourceExhausted`. A module that does not read the refusals either has broken the contract.
 */
export class ServiceCalls {
  readonly #link: ServiceLink;
  readonly #handler: ServiceHandler | undefined;
  readonly #maxMessageBytes: number;
  readonly #waiting = new Queue<WaitingCall>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #running = 0;
  #startsLeft = MAX_STARTS;
  #stopped = false;

  constructor(link: ServiceLink, onService: OnService | undefined, maxMessageBytes: number) {
    this.#link = link;
    this.#handler = serviceHandlerOf(onService);
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Receives one request; `payload` is valid during the call only. @throws MalformedError for a request that can't be read */
  recv(requestId: string, payload: Uint8Array): void {
    const decoded = decodeServiceRequest(payload);
    const bytes = decoded.body.length;
    if (this.#waitingCount >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      const message = `More than ${MAX_WAITING} service requests, or ${MAX_WAITING_BYTES} bytes of them, wait for this host.`;
      if (this.#link.clogged) this.#link.onFlood(`${message} The module does not read the answers.`);
      else this.#link.write(failure(requestId, new ModuleError('resourceExhausted', message)));
      return;
    }
    // A copy, because the payload lies in a read buffer that is used again.
    this.#waiting.push({ requestId, call: { ...decoded, body: Uint8Array.from(decoded.body) } });
    this.#waitingCount += 1;
    this.#waitingBytes += bytes;
    this.pump();
  }

  /** Begins waiting calls, as far as there is room and the module reads. */
  pump(): void {
    while (this.#running < MAX_RUNNING && this.#startsLeft > 0 && !this.#link.clogged) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (this.#startsLeft === MAX_STARTS) setImmediate(() => this.#nextTurn());
      this.#startsLeft -= 1;
      this.#waitingCount -= 1;
      this.#waitingBytes -= next.call.body.length;
      void this.#run(next);
    }
  }

  #nextTurn(): void {
    this.#startsLeft = MAX_STARTS;
    this.pump();
  }

  /** The connection is over, so the waiting requests are dropped. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
    this.#waitingCount = this.#waitingBytes = 0;
  }

  async #run({ requestId, call }: WaitingCall): Promise<void> {
    this.#running += 1;
    const message = await this.#answer(requestId, call);
    this.#running -= 1;
    if (this.#stopped) return;
    this.#link.write(message);
    this.pump();
  }

  /** Makes the whole message that answers the request. Never rejects, whatever the host's program throws or returns. */
  async #answer(requestId: string, call: ServiceCall): Promise<Uint8Array> {
    try {
      if (this.#handler === undefined) {
        const what = `${call.service}.${call.method}`;
        throw new ModuleError('unimplemented', `This host offers no services (${what}).`);
      }
      const body = bodyOf(await this.#handler(call), call);
      const maxBytes = this.#maxMessageBytes - ENVELOPE_ROOM;
      if (body.length > maxBytes) {
        const message = `The service’s answer has ${body.length} bytes; one message holds ${maxBytes} at most.`;
        throw new ModuleError('resourceExhausted', message);
      }
      return encodeEnvelope('serviceResponse', requestId, encodeServiceResponse({ body }));
    } catch (thrown) {
      return failure(requestId, thrown);
    }
  }
}

/** @throws ModuleError `internal` for an answer that is no bytes, because that is a mistake of the host's program */
function bodyOf(answer: unknown, { service, method }: ServiceCall): Uint8Array {
  const body = bytesOf(answer);
  if (body !== undefined) return body;
  const message = `The host's answer to ${service}.${method} is ${kindName(answer)}, and no bytes (a Uint8Array).`;
  throw new ModuleError('internal', message);
}

/** Makes the message that reports the failure, for any thrown value, even one that throws again when its fields are read. */
function failure(requestId: string, thrown: unknown): Uint8Array {
  return encodeEnvelope('error', requestId, encodeIpcError(reportOf(thrown)));
}

function reportOf(thrown: unknown): ErrorReport {
  try {
    if (!isModuleError(thrown)) {
      return { code: 'internal', message: cutText(thrown instanceof Error ? thrown.message : thrown) };
    }
    const { code, message } = thrown;
    const details = bytesOf(thrown.details);
    // Details that don't fit are left out, because a code and a message without details are better than the end of the connection.
    const isSound = details !== undefined && details.length <= MAX_DETAILS_BYTES;
    return { code, message: cutText(message), ...(isSound ? { details } : {}) };
  } catch {
    return { code: 'internal', message: 'The host’s onService has thrown something that can’t be read.' };
  }
}

function cutText(text: unknown): string {
  return cutUtf8(String(text), MAX_ERROR_TEXT_BYTES);
}
