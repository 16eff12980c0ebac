import { ModuleError } from '../errors.ts';
import type { InvocationContext } from '../wire/context.ts';

/** A service request of a handler to its host. */
export interface ServiceCall {
  readonly service: string;
  readonly method: string;
  readonly body: Uint8Array;
  readonly context: InvocationContext;
}

/**
 * Answers a service request with the body of the answer. If it throws a {@link ModuleError}, the handler gets its code; for any
 * other error the handler gets `internal`.
 */
export type ServiceHandler = (request: ServiceCall) => Promise<Uint8Array> | Uint8Array;

/** A host's services: by the service's name, and in it by the method's. An entry may be made by the shape of a request. */
export type ServiceTable = Readonly<
  Record<string, Readonly<Record<string, ServiceHandler | { readonly handler: ServiceHandler }>>>
>;

/** One function for all services, or a table of them. Only a table's own properties count. */
export type OnService = ServiceHandler | ServiceTable;

/** The one function that answers as the table says. A service or method that is not in it is refused with `methodNotFound`. */
export function serviceHandlerOf(onService: OnService | undefined): ServiceHandler | undefined {
  if (onService === undefined || typeof onService === 'function') return onService;
  return (call) => {
    const handler = handlerIn(onService, call);
    if (handler === undefined) {
      const message = `This host has no service method ${call.service}.${call.method}.`;
      throw new ModuleError('methodNotFound', message);
    }
    return typeof handler === 'function' ? handler(call) : handler.handler(call);
  };
}

function handlerIn(
  table: ServiceTable,
  { service, method }: ServiceCall,
): ServiceTable[string][string] | undefined {
  const methods = Object.hasOwn(table, service) ? table[service] : undefined;
  return methods !== undefined && Object.hasOwn(methods, method) ? methods[method] : undefined;
}
