import type { ServiceDefinition, MethodDefinition } from '@grpc/grpc-js';

/** Bytes go through as they are: no serializer is faster. */
const asIs = (bytes: Buffer): Buffer => bytes;

function method(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/benchmark.Load/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

export const ECHO = method('Echo', true, true);
export const SINK = method('Sink', true, false);
export const EMPTY = method('Empty', true, true);
export const SOURCE = method('Source', false, true);

export const LOAD_SERVICE = {
  echo: ECHO,
  sink: SINK,
  empty: EMPTY,
  source: SOURCE,
} satisfies ServiceDefinition;

/** @param windowBytes what one stream may have on its way, in each direction; by default as our own first window */
export function grpcOptions(windowBytes = 262_144) {
  return {
    'grpc-node.flow_control_window': windowBytes,
    'grpc.max_concurrent_streams': 100_000,
    'grpc.max_receive_message_length': -1,
  };
}

/**
 * A window for messages of 64 KiB to 1 MiB: the largest of them fits whole. Tried from 256 KiB to 16 MiB: the differences were smaller
 * than the spread.
 */
export const LARGE_MESSAGE_WINDOW = 1 << 20;
