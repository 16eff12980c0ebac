/** The host's side of the protocol: starts a module child, opens streams on it, and checks that it keeps the contract. */
export { ModuleError, type ErrorCode } from '../errors.ts';
export type { HealthReport, Initialized } from '../wire/payload-decode.ts';
export { withMethods, type ClientOptions } from './client/client.ts';
export type { CallTarget } from './client/intercepted-host.ts';
export type {
  CallHooks,
  ContextAddition,
  InterceptedCall,
  Interceptor,
} from '../interceptors/interceptor.ts';
export type {
  CallOf,
  CallOptions,
  Calls,
  Client,
  CodecOf,
  Input,
  MethodTable,
  Output,
  ProgressOf,
  ReceivedFrom,
  RequestMethodCall,
  SentTo,
  ShapeOf,
  StreamMethod,
  Values,
} from './client/client-types.ts';
export type { CallResults } from './client/stream-call.ts';
export type { TypedStream } from './client/typed-stream.ts';
export type { InvocationContext, InvocationContextInit } from '../wire/context.ts';
export type { WireLimits } from '../wire/capnp/limits.ts';
export type { StreamId } from '../wire/stream-id.ts';
export type { TransportKind } from './transport/child-io.ts';
export { ContractViolation, type ViolationKind } from './contract-violation.ts';
export { HostSession } from './host-session.ts';
export type { HostStream, OpenStreamOptions } from './streams/host-stream.ts';
export type { InvocationOptions } from './invocation-options.ts';
export type { ModuleHost } from './module-host.ts';
export { spawnModule, ModuleProcess, type ModuleExit, type SpawnModuleOptions } from './module-process.ts';
export type { OnService, ServiceCall, ServiceHandler, ServiceTable } from './service-table.ts';
export type {
  HostSessionOptions,
  InitializeOptions,
  KvNotification,
  SessionStats,
} from './session-options.ts';
export type { Transport, TransportEnd, TransportHandlers } from './transport/transport.ts';
