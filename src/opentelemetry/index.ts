/** Spans of calls for OpenTelemetry, as an interceptor for modules and for hosts. It needs the package `@opentelemetry/api`. */
export { openTelemetry, type OpenTelemetryOptions } from './spans.ts';
export type {
  CallHooks,
  ContextAddition,
  InterceptedCall,
  Interceptor,
} from '../interceptors/interceptor.ts';
