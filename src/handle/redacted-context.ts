import type { InvocationContext } from '../wire/context.ts';

const HIDDEN = '[redacted]';

/** What Node's `util.inspect` and `console` look for; by its registered name, so that this room needs nothing of Node. */
const inspectCustom = Symbol.for('nodejs.util.inspect.custom');

/**
 * A context that prints without its secrets: callers, tenants and metadata values often end up in logs by accident. The
 * fields themselves read as they are.
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

/** The context as a plain object that prints completely, for who wants just that. */
export function revealContext(context: InvocationContext): InvocationContext {
  return { ...context };
}

function hide(text: string): string {
  return text === '' ? '' : HIDDEN;
}
