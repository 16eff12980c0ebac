import { AsyncLocalStorage } from 'node:async_hooks';
import {
  defaultTextMapGetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
// In a module of your own: 'ixt-sdk/diagnostics'.
import { channels, type HandlerStartEvent } from '../../src/diagnostics.ts';

interface Call {
  /** From the Open to the end of the stream. */
  readonly whole: Span;
  /** The handler's part of it. */
  readonly run: Span;
}

const propagator = new W3CTraceContextPropagator();
const contexts = new AsyncLocalStorage<Context>();

/** The context of the handler that calls this: the parent of the spans that it begins. */
export function handlerContext(): Context {
  return contexts.getStore() ?? ROOT_CONTEXT;
}

/**
 * Makes spans of every stream whose handler runs on this thread: the whole call, below the host's own span (its
 * `traceparent`), and in it the time in the queue and the time in the handler. To be called once, at the top of the module.
 *
 * The spans of a handler whose thread is ended (it ignored a cancel, or ran out of memory) are lost with the thread; main's
 * `stream.end` tells of all streams.
 */
export function traceStreams(tracer: Tracer): void {
  const calls = new Map<string, Call>();

  const begin = ({ id, context, openedAt, queuedMs }: HandlerStartEvent): Context => {
    const { method, traceparent, tracestate } = context;
    const host = propagator.extract(ROOT_CONTEXT, { traceparent, tracestate }, defaultTextMapGetter);
    const attributes = { 'rpc.method': method, 'ixt.stream.id': id };
    const whole = tracer.startSpan(method, { kind: SpanKind.SERVER, startTime: openedAt, attributes }, host);
    const below = trace.setSpan(host, whole);
    const startedAt = openedAt + queuedMs;
    tracer.startSpan('queue', { startTime: openedAt }, below).end(startedAt);
    const run = tracer.startSpan('run', { startTime: startedAt }, below);
    calls.set(id, { whole, run });
    return trace.setSpan(below, run);
  };
  channels.handlerStart.bindStore(contexts, begin);

  channels.handlerFirstByte.subscribe(({ id }) => calls.get(id)?.run.addEvent('first byte'));
  channels.handlerResume.subscribe(({ id, on, ms }) => {
    calls.get(id)?.run.addEvent('stall', { 'ixt.stall.on': on, 'ixt.stall.ms': ms });
  });
  channels.handlerEnd.subscribe(({ id, code, message, cpuMs }) => {
    const call = calls.get(id);
    calls.delete(id);
    if (call === undefined) return;
    if (cpuMs !== undefined) call.run.setAttribute('ixt.cpu.ms', cpuMs);
    call.whole.setAttribute('ixt.code', code);
    if (code !== 'close') {
      for (const span of [call.run, call.whole]) span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    const now = Date.now();
    call.run.end(now);
    call.whole.end(now);
  });
}
