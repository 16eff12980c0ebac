import {
  createTraceState,
  isSpanContextValid,
  trace,
  type Context,
  type SpanContext,
} from '@opentelemetry/api';
import type { InvocationContextInit } from '../wire/context.ts';

/** W3C Trace Context, https://www.w3.org/TR/trace-context/: version, trace id, span id, flags; a later version may have more. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;

/** The fields that carry a span over the wire. */
export function traceparentOf({ traceId, spanId, traceFlags, traceState }: SpanContext): {
  traceparent: string;
  tracestate?: string;
} {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize() ?? '';
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** `below` with the span that a call's context names, if it names a sound one. */
export function contextOfTraceparent(
  below: Context,
  { traceparent = '', tracestate = '' }: InvocationContextInit,
): Context {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent) ?? [];
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate === '' ? {} : { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(span) ? trace.setSpanContext(below, span) : below;
}
