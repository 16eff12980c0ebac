/** sha256, as a module that tells OpenTelemetry of its streams. */
import { createHash } from 'node:crypto';
import { BasicTracerProvider, BatchSpanProcessor, ConsoleSpanExporter } from '@opentelemetry/sdk-trace-base';
// In a module of your own: 'ixt-sdk'.
import { defineModule } from '../../src/index.ts';
import { handlerContext, traceStreams } from './spans.ts';

// Any exporter will do. This one prints, and what is printed goes to standard error.
const provider = new BasicTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter())],
});
const tracer = provider.getTracer('digest');
traceStreams(tracer);

export default defineModule({
  name: 'digest',
  version: '1.0.0',
  onServerStream: {
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      const span = tracer.startSpan('digest', {}, handlerContext());
      const digest = hash.digest();
      span.end();
      yield digest;
    },
  },
  // Each worker's copy of the module has its own provider, and sends what is left before it ends.
  onClose: () => provider.shutdown(),
});
