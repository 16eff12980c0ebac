import type { InvocationContext } from '../wire/context.ts';

const HIDDEN = '[redacted]';

/** The method that Node's `util.inspect` and `console` call, by its registered name, so that this room imports nothing of Node. */
const inspectCustom = Symbol.for('nodejs.util.inspect.custom');

/**
 * A copy of the context that prints without its secrets, because callers, tenants and metadata values often end up in logs by
 * accident. The fields themselves have their real values.
 */
export function redactWhenPrinted(context: InvocationContext): InvocationContext {
  const redacted = (): Record<string, unknown> => ({
    ...context,
    caller: hide(context.caller),
    tenant: hide(context.tenant),
    tracestate: hide(context.tracestate),
    metadata: context.metadata.map(([key]) => [key, HIDDEN]),
  });
  return Object.defineProperties(
    { ...context },
    {
      toJSON: { value: redacted },
      [inspectCustom]: { value: redacted },
    },
  );
}

/** A copy of the context as a plain object, which prints completely, secrets included. */
export function revealContext(context: InvocationContext): InvocationContext {
  return { ...context };
}

function hide(text: string): string {
  return text === '' ? '' : HIDDEN;
}
