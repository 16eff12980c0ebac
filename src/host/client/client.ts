import { shapeOf, type MethodFacts } from '../../methods/shape.ts';
import { mayBeIgnored } from '../handed-out.ts';
import type { InvocationOptions } from '../invocation-options.ts';
import type { ModuleHost } from '../module-host.ts';
import type { OpenStreamOptions } from '../streams/host-stream.ts';
import { CallSite, newInvocationId } from './call-site.ts';
import type { Client, MethodTable } from './client-types.ts';
import { encodeInput, onlyAnswer } from '../../methods/caller-codec.ts';
import { StreamCall } from './stream-call.ts';
import { TypedStream } from './typed-stream.ts';

/** The part of a {@link ModuleHost} that a client uses. */
export type CallTarget = Pick<ModuleHost, 'openStream' | 'request'>;

/**
 * A module's methods as functions: `await client.centre(points, { deadline })`. Their types come from `methods`, without generated
 * code.
 *
 * @param module where the calls go: what `spawnModule`, `connectModule` or `testModule` returns, or a session
 * @param methods shapes by name, which module and host share, or the module's `onServerStream`
 */
export function withMethods<T extends MethodTable>(module: CallTarget, methods: T): Client<T> {
  // No prototype, so that no method's name means anything else.
  const calls = Object.create(null) as Record<string, unknown>;
  const client = Object.create(null) as Record<string, unknown>;
  for (const [name, entry] of Object.entries(methods)) {
    const facts = shapeOf(entry);
    const call = facts.kind === 'handle' ? requestCall(module, name, facts) : streamCall(module, name, facts);
    calls[name] = call;
    // To await the client, or to return it from an async function, must not call a method.
    if (name !== 'then') client[name] = call;
  }
  client['methods'] = calls;
  return client as Client<T>;
}

function streamCall(module: CallTarget, method: string, facts: MethodFacts): unknown {
  const { input, output } = facts;
  const begin = (given: unknown, options: OpenStreamOptions | undefined): StreamCall => {
    const { site, identified } = identify(method, options, call);
    try {
      return new StreamCall(module.openStream(method, identified), facts, given, site);
    } catch (error) {
      throw site.errorOf(error);
    }
  };
  function call(given: unknown, options?: OpenStreamOptions): unknown {
    if (!output.single) return begin(given, options);
    try {
      return mayBeIgnored(begin(given, options).only(output.codec));
    } catch (error) {
      return mayBeIgnored(Promise.reject(error as Error));
    }
  }
  call.open = (options?: OpenStreamOptions) =>
    new TypedStream(module.openStream(method, options), input.codec, output.codec);
  return call;
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
