import type { ErrorReport } from '../errors.ts';
import type { HandlerMode } from '../module.ts';
import type { Manifest } from '../thread-messages.ts';
import type { InvocationContext } from '../wire/context.ts';

export type Refusal = ErrorReport;

/**
 * The checks of an Open that need the module's manifest, in the protocol's order: handler, method, deadline.
 *
 * @param now milliseconds since the epoch
 */
export function admit(
  manifest: Manifest,
  context: InvocationContext,
  now: number,
): Refusal | { mode: HandlerMode } {
  const { streams } = manifest;
  if (streams === undefined) {
    return { code: 'streamingUnsupported', message: `the module ${manifest.name} handles no server-streams` };
  }
  const mode =
    'mode' in streams ? streams.mode : streams.methods.find(({ name }) => name === context.method)?.mode;
  if (mode === undefined) {
    return {
      code: 'methodNotFound',
      message: `the module ${manifest.name} has no stream method '${context.method}'`,
    };
  }
  return deadlinePassed(context, now) ?? { mode };
}

/** @returns the refusal of a call whose deadline has passed before it could start */
export function deadlinePassed(context: InvocationContext, now: number): Refusal | undefined {
  if (context.deadlineUnixMs === 0 || context.deadlineUnixMs > now) return undefined;
  const late = now - context.deadlineUnixMs;
  return {
    code: 'deadlineExceeded',
    message: `the deadline had passed ${late} ms before the handler could start`,
  };
}
