import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { grpcOptions, LARGE_MESSAGE_WINDOW } from '../grpc-service.ts';

/** Bytes go through as they are; what is small goes as JSON. */
const asIs = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/instead.Work/${name}`,
    requestStream,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** Each takes JSON and gives bytes; `hash` takes a stream of chunks. */
export const POOL_SERVICE = {
  picture: method('Picture', false),
  hash: method('Hash', true),
  ping: method('Ping', false),
  work: method('Work', false),
  crash: method('Crash', false),
} satisfies ServiceDefinition;

export const POOL_GRPC_OPTIONS = {
  ...grpcOptions(LARGE_MESSAGE_WINDOW),
  // A server on the same machine is up again in a moment; the default waits a second.
  'grpc.initial_reconnect_backoff_ms': 100,
};
