/** sha256, as a module that tells OpenTelemetry of its calls. */
import { createHash } from 'node:crypto';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, BatchSpanProcessor, ConsoleSpanExporter } from '@opentelemetry/sdk-trace-base';
import { defineModule } from 'ixt-sdk';
import { openTelemetry } from 'ixt-sdk/opentelemetry';

// Any exporter will do. This one prints, and what is printed goes to standard error.
const provider = new BasicTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter())],
});
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
const tracer = trace.getTracer('digest');

export default defineModule({
  name: 'digest',
  version: '1.0.0',
  use: [openTelemetry()],
  onServerStream: {
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      // Below the span of the handler's run, which is active here.
      const span = tracer.startSpan('digest');
      const digest = hash.digest();
      span.end();
      yield digest;
    },
  },
  // Each worker's copy of the module has its own provider, and sends what is left before it ends.
  onClose: () => provider.shutdown(),
});
