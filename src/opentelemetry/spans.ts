import {
  context as activeContext,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { channels } from '../diagnostics.ts';
import type { ErrorReport } from '../errors.ts';
import type { CallHooks, InterceptedCall, Interceptor } from '../interceptors/interceptor.ts';
import { contextOfTraceparent, traceparentOf } from './trace-context.ts';

export interface OpenTelemetryOptions {
  /** Default: the global provider's tracer `ixt-sdk`. */
  readonly tracer?: Tracer;
}

/**
 * Makes a span of each call. In a module's `use` it lies below the host's span (its `traceparent`), with the time in the queue and
 * the run of the handler in it; the run is the active span of the handler. In a client's `use` it lies below the active span, and
 * tells the module by `traceparent` and `tracestate`.
 *
 * The active span needs the context manager that an OpenTelemetry SDK registers. The spans of a handler whose thread is ended are
 * lost with the thread.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Interceptor {
  const { tracer = trace.getTracer('ixt-sdk') } = options;
  const runs = new Map<string, Span>();
  watchHandlers(runs);
  return (call) => (call.side === 'host' ? hostHooks(tracer, call) : moduleHooks(tracer, call, runs));
}

function hostHooks(tracer: Tracer, { method }: InterceptedCall): CallHooks {
  const attributes = { 'rpc.system': 'ixt', 'rpc.method': method };
  const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
  const spanContext = span.spanContext();
  return {
    context: isSpanContextValid(spanContext) ? traceparentOf(spanContext) : undefined,
    run: (next) => activeContext.with(trace.setSpan(activeContext.active(), span), next),
    output: firstByte(span),
    end: (error) => endSpans([span], error),
  };
}

function moduleHooks(tracer: Tracer, call: InterceptedCall, runs: Map<string, Span>): CallHooks {
  const { method, id, openedAt, queuedMs = 0 } = call;
  const host = contextOfTraceparent(ROOT_CONTEXT, call.context);
  const attributes = {
    'rpc.system': 'ixt',
    'rpc.method': method,
    ...(id === undefined ? {} : { 'ixt.stream.id': id }),
  };
  const start = openedAt === undefined ? {} : { startTime: openedAt };
  const whole = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes, ...start }, host);
  const below = trace.setSpan(host, whole);
  const run = openedAt === undefined ? whole : runSpan(tracer, below, openedAt, queuedMs);
  if (id !== undefined) runs.set(id, run);
  return {
    run: (next) => activeContext.with(trace.setSpan(below, run), next),
    output: firstByte(run),
    end: (error) => {
      if (id !== undefined) runs.delete(id);
      endSpans(run === whole ? [whole] : [run, whole], error);
    },
  };
}

function runSpan(tracer: Tracer, below: Context, openedAt: number, queuedMs: number): Span {
  const startedAt = openedAt + queuedMs;
  tracer.startSpan('queue', { startTime: openedAt }, below).end(startedAt);
  return tracer.startSpan('run', { startTime: startedAt }, below);
}

/** Notes the first payload of the output. */
function firstByte(span: Span): () => void {
  let isFirst = true;
  return () => {
    if (isFirst) span.addEvent('first byte');
    isFirst = false;
  };
}

/** Ends the spans at one moment, so that no inner one outlives its parent. @param spans the innermost first */
function endSpans(spans: readonly Span[], error: ErrorReport | undefined): void {
  const now = Date.now();
  spans.at(-1)?.setAttribute('ixt.code', error?.code ?? 'close');
  for (const span of spans) {
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.end(now);
  }
}

/** Adds what only the diagnostics of a worker know to the spans of its handlers: their waits and their CPU time. */
function watchHandlers(runs: ReadonlyMap<string, Span>): void {
  channels.handlerResume.subscribe(({ id, on, ms }) => {
    runs.get(id)?.addEvent('stall', { 'ixt.stall.on': on, 'ixt.stall.ms': ms });
  });
  channels.handlerEnd.subscribe(({ id, cpuMs }) => {
    if (cpuMs !== undefined) runs.get(id)?.setAttribute('ixt.cpu.ms', cpuMs);
  });
}
