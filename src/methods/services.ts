import type { Services } from '../handle/server-stream.ts';
import { encodeInput, onlyAnswer } from './caller-codec.ts';
import type { AnyCodec, ReceivedBy, SentBy } from './codec.ts';
import type { One } from './payload.ts';
import type { RequestShape } from './shape.ts';

/** The shapes of a host's services: by the service's name, and in it by the method's. */
export type ServiceShapes = Readonly<
  Record<string, Readonly<Record<string, RequestShape<One<AnyCodec>, One<AnyCodec>>>>>
>;

/** One method of a service as a function. Both forms throw as `stream.services` does. */
export interface ServiceMethod<S> {
  (input: SentValue<S>): Promise<AnswerValue<S>>;
  /** For a synchronous handler: blocks the worker thread until the answer has come. */
  sync(input: SentValue<S>): AnswerValue<S>;
}

/** The value that a handler sends to a service's method. */
export type SentValue<S> = S extends { readonly input: One<infer C> } ? SentBy<C> : never;
/** The value that a service's method answers with. */
export type AnswerValue<S> = S extends { readonly output: One<infer C> } ? ReceivedBy<C> : never;

/** Every method of every service as a function. */
export type TypedServices<T> = {
  readonly [S in keyof T]: { readonly [M in keyof T[S]]: ServiceMethod<T[S][M]> };
};

/**
 * The host's services in their types: `await withServices(stream, shapes).tax.of(total)`.
 *
 * @param call the stream or request whose handler asks
 * @param shapes what module and host share; the host gives the handlers in its `onService`
 */
export function withServices<T extends ServiceShapes>(
  call: { readonly services: Services },
  shapes: T,
): TypedServices<T> {
  const services = Object.create(null) as Record<string, Record<string, unknown>>;
  for (const [service, methods] of Object.entries(shapes)) {
    const calls = Object.create(null) as Record<string, unknown>;
    for (const [method, shape] of Object.entries(methods))
      calls[method] = serviceMethod(call, service, method, shape);
    services[service] = calls;
  }
  return services as unknown as TypedServices<T>;
}

function serviceMethod(
  call: { readonly services: Services },
  service: string,
  method: string,
  { input, output }: ServiceShapes[string][string],
): unknown {
  const ask = async (value: unknown): Promise<unknown> =>
    onlyAnswer(await call.services.request(service, method, encodeInput(input.codec, value)), output.codec);
  ask.sync = (value: unknown): unknown =>
    onlyAnswer(call.services.requestSync(service, method, encodeInput(input.codec, value)), output.codec);
  return ask;
}
