import { shapeOf, type MethodFacts } from '../../methods/shape.ts';
import { mayBeIgnored } from '../handed-out.ts';
import type { InvocationOptions } from '../invocation-options.ts';
import type { Interceptor } from '../../interceptors/interceptor.ts';
import type { OpenStreamOptions } from '../streams/host-stream.ts';
import { CallSite, newInvocationId } from './call-site.ts';
import type { Client, MethodTable } from './client-types.ts';
import { encodeInput, onlyAnswer } from '../../methods/caller-codec.ts';
import { intercepted, type CallTarget } from './intercepted-host.ts';
import { StreamCall } from './stream-call.ts';
import { TypedStream } from './typed-stream.ts';

export interface ClientOptions {
  /** Interceptors of every call, the first one outermost. */
  readonly use?: readonly Interceptor[];
}

/**
 * A module's methods as functions: `await client.centre(points, { deadline })`. Their types come from `methods`, without generated
 * code.
 *
 * @param module where the calls go: what `spawnModule`, `connectModule` or `testModule` returns, or a session
 * @param methods shapes by name, which module and host share, or the module's `onServerStream`
 */
export function withMethods<T extends MethodTable>(
  module: CallTarget,
  methods: T,
  { use = [] }: ClientOptions = {},
): Client<T> {
  const target = use.length === 0 ? module : intercepted(module, use);
  // No prototype, so that no method's name means anything else.
  const calls = Object.create(null) as Record<string, unknown>;
  const client = Object.create(null) as Record<string, unknown>;
  for (const [name, entry] of Object.entries(methods)) {
    const facts = shapeOf(entry);
    const call = facts.kind === 'handle' ? requestCall(target, name, facts) : streamCall(target, name, facts);
    calls[name] = call;
    // To await the client, or to return it from an async function, must not call a method.
    if (name !== 'then') client[name] = call;
  }
  client['methods'] = calls;
  return client as Client<T>;
}

function streamCall(module: CallTarget, method: string, facts: MethodFacts): unknown {
  const { input, output } = facts;
  const begin = (given: unknown, options: TypedOptions | undefined): StreamCall => {
    const { site, identified } = identify(method, options, call);
    try {
      return new StreamCall(module.openStream(method, withProgress(identified, facts)), facts, given, site);
    } catch (error) {
      throw site.errorOf(error);
    }
  };
  function call(given: unknown, options?: TypedOptions): unknown {
    if (!output.single) return begin(given, options);
    try {
      return mayBeIgnored(begin(given, options).only());
    } catch (error) {
      return mayBeIgnored(Promise.reject(error as Error));
    }
  }
  call.open = (options?: TypedOptions) =>
    new TypedStream(module.openStream(method, withProgress(options, facts)), input.codec, output.codec);
  return call;
}

/** Options whose `onProgress` takes the values of the shape. */
type TypedOptions = Omit<OpenStreamOptions, 'onProgress'> & { readonly onProgress?: (value: never) => void };

/** The options of the stream of bytes, whose `onProgress` decodes. A shape without a codec for it has bytes. */
function withProgress<Options extends TypedOptions>(
  options: Options | undefined,
  { progress }: MethodFacts,
): OpenStreamOptions | undefined {
  if (options?.onProgress === undefined || progress === undefined)
    return options as OpenStreamOptions | undefined;
  const tell = options.onProgress as (value: unknown) => void;
  return {
    ...options,
    onProgress: (bytes) => tell(onlyAnswer(bytes, progress)),
  };
}

function requestCall(module: CallTarget, method: string, { input, output }: MethodFacts): unknown {
  const ask = async (given: unknown, options: InvocationOptions, site: CallSite): Promise<unknown> => {
    try {
      const body = await module.request(method, encodeInput(input.codec, given), options);
      return onlyAnswer(body, output.codec);
    } catch (error) {
      throw site.errorOf(error);
    }
  };
  return function call(given: unknown, options?: InvocationOptions): unknown {
    const { site, identified } = identify(method, options, call);
    return mayBeIgnored(ask(given, identified, site));
  };
}

/** Gives a call its place in the program, and an invocation id if it has none. @param callee the function that was called */
function identify<Options extends InvocationOptions>(
  method: string,
  options: Options | undefined,
  callee: (...args: never[]) => unknown,
): { readonly site: CallSite; readonly identified: Options & { readonly invocationId: string } } {
  const invocationId = options?.invocationId ?? options?.context?.invocationId ?? newInvocationId();
  const identified = { ...(options as Options), invocationId };
  return { site: new CallSite(method, invocationId, callee), identified };
}
