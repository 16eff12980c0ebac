import { isModuleError, ModuleError } from '../errors.ts';
import { decodeServiceRequest } from '../wire/payload-decode.ts';
import { encodeServiceResponse } from '../wire/payload-encode.ts';
import type { InvocationContext } from '../wire/context.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { encodeIpcError } from '../wire/error-payload.ts';

/** What a handler asks of its host. */
export interface ServiceCall {
  readonly service: string;
  readonly method: string;
  readonly body: Uint8Array;
  readonly context: InvocationContext;
}

/** Answers a service request; a {@link ModuleError} chooses the code that the handler sees, anything else is `internal`. */
export type ServiceHandler = (request: ServiceCall) => Promise<Uint8Array> | Uint8Array;

/**
 * Runs `handler` for one service request and gives the whole message that answers it. Never rejects.
 *
 * @throws MalformedError synchronously, for a payload that is no service request
 */
export function answerService(
  requestId: string,
  payload: Uint8Array,
  handler: ServiceHandler | undefined,
): Promise<Uint8Array> {
  const call = decodeServiceRequest(payload);
  // The payload may lie in a read buffer that is used again while the handler awaits.
  return answer(requestId, { ...call, body: Uint8Array.from(call.body) }, handler);
}

async function answer(
  requestId: string,
  call: ServiceCall,
  handler: ServiceHandler | undefined,
): Promise<Uint8Array> {
  try {
    if (handler === undefined) {
      throw new ModuleError(
        'unimplemented',
        `This host offers no services (${call.service}.${call.method}).`,
      );
    }
    const body = await handler(call);
    return encodeEnvelope('serviceResponse', requestId, encodeServiceResponse({ body }));
  } catch (cause) {
    const error = isModuleError(cause) ? cause : new ModuleError('internal', messageOf(cause));
    return encodeEnvelope('error', requestId, encodeIpcError(error));
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
