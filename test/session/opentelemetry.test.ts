import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace, type HrTime } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { withMethods } from '../../src/host/index.ts';
import { defineMethod, defineModule, defineRequest, json, one } from '../../src/index.ts';
import { openTelemetry } from '../../src/opentelemetry/index.ts';
import { testModule } from '../../src/testing/index.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const HOST_SPAN = '00f067aa0ba902b7';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer('test');
context.setGlobalContextManager(new AsyncLocalStorageContextManager());

const shapes = {
  double: defineMethod({ input: one(json<number>()), output: one(json<number>()) }),
  half: defineRequest({ input: json<number>(), output: json<number>() }),
};

const module = defineModule({
  name: 'traced',
  version: '1.0.0',
  use: [openTelemetry({ tracer })],
  onServerStream: {
    async *echo(stream) {
      for await (const chunk of stream) yield chunk;
      tracer.startSpan('own').end();
    },
    fail() {
      throw new Error('boom');
    },
    double: shapes.double.handler((number) => number * 2),
  },
  onHandle: { half: shapes.half.handler((number) => number / 2) },
});

function spansByName(): Record<string, ReadableSpan> {
  const spans = Object.fromEntries(exporter.getFinishedSpans().map((span) => [span.name, span]));
  exporter.reset();
  return spans;
}

function toMs([seconds, nanos]: HrTime): number {
  return seconds * 1000 + nanos / 1e6;
}

test('there are spans below the host’s: the queue, the run, and what the handler begins', async (test) => {
  const t = await testModule(module);
  test.after(() => t.close());
  const openedAt = t.now();
  const first = t.open('echo');
  const second = t.open('echo', { traceparent: `00-${TRACE}-${HOST_SPAN}-01` });
  await t.advance(250);
  first.end();
  await first.outcome;
  await second.send(Uint8Array.of(1));
  await t.settled();
  exporter.reset();
  second.end();
  await second.outcome;
  await t.close();

  const { echo, run, own, ...others } = spansByName();
  assert.deepEqual(Object.keys(others), []);
  assert.ok(echo && run && own);
  for (const span of [echo, run, own]) assert.equal(span.spanContext().traceId, TRACE);
  assert.equal(echo.parentSpanContext?.spanId, HOST_SPAN);
  assert.equal(run.parentSpanContext?.spanId, echo.spanContext().spanId);
  assert.equal(own.parentSpanContext?.spanId, run.spanContext().spanId);
  assert.equal(toMs(echo.startTime), openedAt);
  assert.equal(toMs(run.startTime), openedAt + 250, 'it waited for the first');
  assert.deepEqual(echo.attributes, {
    'rpc.system': 'ixt',
    'rpc.method': 'echo',
    'ixt.stream.id': second.id,
    'ixt.code': 'close',
  });
  assert.deepEqual(
    run.events.map(({ name }) => name),
    ['first byte'],
  );
  assert.equal(echo.status.code, SpanStatusCode.UNSET);
});

test('the queue is a span of its own, and a failure shows in the call and the run', async (test) => {
  const t = await testModule(module);
  test.after(() => t.close());
  const stream = t.open('fail', { traceparent: `00-${TRACE}-${HOST_SPAN}-01` });
  stream.end();
  await stream.outcome;
  await t.close();
  const { fail, queue, run } = spansByName();
  assert.ok(fail && queue && run);
  assert.equal(queue.parentSpanContext?.spanId, fail.spanContext().spanId);
  for (const span of [fail, run])
    assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: 'boom' });
  assert.equal(fail.attributes['ixt.code'], 'handlerFailed');
});

test('a client’s span lies below the active one, and the module’s below it', async (test) => {
  const t = await testModule(module);
  test.after(() => t.close());
  const client = withMethods(t, shapes, { use: [openTelemetry({ tracer })] });
  for (const method of ['double', 'half'] as const) {
    exporter.reset();
    const mine = tracer.startSpan('mine');
    const call = context.with(trace.setSpan(context.active(), mine), () => client[method](4));
    assert.equal(await call, method === 'double' ? 8 : 2);
    await t.settled();
    mine.end();
    const spans = exporter.getFinishedSpans();
    const [outer] = spans.filter(({ name, kind }) => name === method && kind === SpanKind.CLIENT);
    const [inner] = spans.filter(({ name, kind }) => name === method && kind === SpanKind.SERVER);
    assert.ok(outer && inner, method);
    assert.equal(outer.parentSpanContext?.spanId, mine.spanContext().spanId);
    assert.equal(inner.parentSpanContext?.spanId, outer.spanContext().spanId);
    assert.equal(inner.attributes['ixt.code'], 'close');
    assert.equal(outer.attributes['ixt.code'], 'close');
  }
});
