import { ModuleError } from '../../errors.ts';
import { OP, type FromWorker } from '../../threads/messages.ts';
import { encodeServiceRequest } from '../../wire/payload-encode.ts';
import { decodeIpcError, decodeServiceResponse } from '../../wire/payload-decode.ts';
import { encodeEnvelope } from '../../wire/envelope.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import type { PoolWorker } from './pool-worker.ts';

type ServiceMessage = FromWorker & { type: 'service' };

interface ServiceLimits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly maxMessageBytes: number;
}

/** Forwards the handlers' requests to the host, and each answer back to its worker. */
export class ServiceRoutes {
  readonly #limits: ServiceLimits;
  readonly #send: (message: Uint8Array) => void;
  readonly #pending = new Map<string, { readonly worker: PoolWorker; readonly sequence: number }>();
  /** Bytes of answers that were sent to each worker and that it has not taken, since a worker that computes takes none. */
  readonly #untaken = new Map<PoolWorker, number>();
  #untakenBytes = 0;

  constructor(limits: ServiceLimits, send: (message: Uint8Array) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  onRequest(worker: PoolWorker, { sequence, ...request }: ServiceMessage): void {
    if (this.#pending.size >= this.#limits.maxWaiting) {
      const message = `${this.#pending.size} service requests wait for the host already`;
      return this.#fail(worker, sequence, new ModuleError('resourceExhausted', message));
    }
    const requestId = requestIdOf(worker, sequence);
    let envelope: Uint8Array;
    try {
      envelope = encodeEnvelope('serviceRequest', requestId, encodeServiceRequest(request));
    } catch (error) {
      // From JavaScript a handler may give any value, also in its context. Only its own request fails for that.
      const message = `the service request can't be sent: ${(error as Error).message}`;
      return this.#fail(worker, sequence, new ModuleError('handlerFailed', message));
    }
    if (envelope.length > this.#limits.maxMessageBytes) {
      const message = `a service request of ${envelope.length} bytes is over the message limit`;
      return this.#fail(worker, sequence, new ModuleError('resourceExhausted', message));
    }
    this.#pending.set(requestId, { worker, sequence });
    this.#send(envelope);
  }

  /**
   * The host's answer: `serviceResponse`, or an `error`. Unknown ids are ignored, because nobody waits for them any more.
   *
   * @throws MalformedError for a payload that can't be read; the handler's request fails then, too
   */
  onAnswer(requestId: string, ok: boolean, payload: Uint8Array): void {
    const route = this.#pending.get(requestId);
    if (route === undefined) return;
    this.#pending.delete(requestId);
    try {
      if (ok) decodeServiceResponse(payload);
      else decodeIpcError(payload);
    } catch (error) {
      const message = `the host's answer can't be read: ${(error as Error).message}`;
      this.#fail(route.worker, route.sequence, new ModuleError('protocolViolation', message));
      throw error;
    }
    const { worker, sequence } = route;
    if (this.#untakenBytes + payload.length > this.#limits.maxWaitingBytes) {
      const message = `service answers of ${this.#untakenBytes} bytes wait for busy workers already`;
      return this.#fail(worker, sequence, new ModuleError('resourceExhausted', message));
    }
    this.#count(worker, payload.length);
    worker.post(ok ? OP.serviceAnswer : OP.serviceError, sequence, payload);
  }

  /**
   * Nobody waits for the answer any more, so the request no longer counts against the limit: a host that never answers must not
   * block other requests.
   */
  onAbandoned(worker: PoolWorker, sequence: number): void {
    this.#pending.delete(requestIdOf(worker, sequence));
  }

  /** The worker has taken an answer of `bytes` bytes. */
  onTaken(worker: PoolWorker, bytes: number): void {
    if (this.#untaken.has(worker)) this.#count(worker, -bytes);
  }

  /** The worker is gone, so late answers to it are ignored. */
  forget(worker: PoolWorker): void {
    this.#count(worker, -(this.#untaken.get(worker) ?? 0));
    this.#untaken.delete(worker);
    for (const [requestId, route] of this.#pending)
      if (route.worker === worker) this.#pending.delete(requestId);
  }

  #count(worker: PoolWorker, bytes: number): void {
    this.#untaken.set(worker, (this.#untaken.get(worker) ?? 0) + bytes);
    this.#untakenBytes += bytes;
  }

  #fail(worker: PoolWorker, sequence: number, error: ModuleError): void {
    const payload = encodeIpcError(error);
    this.#count(worker, payload.length);
    worker.post(OP.serviceError, sequence, payload);
    worker.flush();
  }
}

function requestIdOf({ incarnation }: PoolWorker, sequence: number): string {
  return `service-${incarnation}.${sequence}`;
}
