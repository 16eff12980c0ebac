export {
  defineModule,
  type HandlerMode,
  type KvChangeEvent,
  type MethodOptions,
  type ModedHandler,
  type ModedRequestHandler,
  type ModuleDefinition,
  type RequestHandler,
  type RequestHandlers,
  type StreamHandler,
  type StreamHandlers,
  type StreamResult,
} from './module.ts';
export {
  bytes,
  json,
  ndjson,
  text,
  type AnyCodec,
  type Codec,
  type ReceivedBy,
  type SentBy,
  type ValueDecoder,
} from './methods/codec.ts';
export { issuesOf, type Issue } from './methods/issues.ts';
export type { MethodInput } from './methods/decoded-input.ts';
export type { SchemaSide } from './methods/json-schema.ts';
export {
  many,
  one,
  type Many,
  type One,
  type Payload,
  type PayloadInit,
  type RequestPayload,
  type StreamPayload,
} from './methods/payload.ts';
export {
  defineMethod,
  defineRequest,
  type Chunks,
  type InputOf,
  type Method,
  type MethodInit,
  type MethodShape,
  type RequestInit,
  type RequestMethod,
  type RequestShape,
  type ResultOf,
} from './methods/shape.ts';
export {
  withServices,
  type AnswerValue,
  type SentValue,
  type ServiceMethod,
  type ServiceShapes,
  type TypedServices,
} from './methods/services.ts';
export type {
  JsonSchemaConverter,
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from './methods/standard-schema.ts';
export { ERROR_CODES, ModuleError, type ErrorCode, type ModuleErrorOptions } from './errors.ts';
export type { LogLevel, ServerStream, Services, StreamLog, UnaryRequest } from './handle/server-stream.ts';
export type { CallHooks, ContextAddition, InterceptedCall, Interceptor } from './interceptors/interceptor.ts';
export { revealContext } from './handle/redacted-context.ts';
export type { InvocationContext } from './wire/context.ts';
