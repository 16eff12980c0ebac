export {
  defineModule,
  type HandlerMode,
  type KvChangeEvent,
  type ModedHandler,
  type ModuleDefinition,
  type StreamHandler,
  type StreamHandlers,
  type StreamResult,
} from './module.ts';
export {
  bytes,
  json,
  ndjson,
  text,
  type Codec,
  type ReceivedBy,
  type SentBy,
  type ValueDecoder,
} from './methods/codec.ts';
export { issuesOf, type Issue } from './methods/issues.ts';
export {
  method,
  type Method,
  type MethodHandler,
  type MethodInput,
  type MethodShape,
} from './methods/method.ts';
export type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './methods/standard-schema.ts';
export { ERROR_CODES, ModuleError, type ErrorCode, type ModuleErrorOptions } from './errors.ts';
export type { LogLevel, ServerStream, Services, StreamLog, UnaryRequest } from './handle/server-stream.ts';
export { revealContext } from './handle/redacted-context.ts';
export type { InvocationContext } from './wire/context.ts';
