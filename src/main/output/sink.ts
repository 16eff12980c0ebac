import { createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';

/** The protocol's output. It waits for a full pipe without blocking the thread. */
export interface WireSink {
  /** Writes all of `bytes`, which stay untouched until `done` is called. One write at a time. */
  write(bytes: Uint8Array, done: (error?: Error) => void): void;
}

/** Opens the protocol's output: a pipe, a socket, a file or a device. Pipes and sockets become non-blocking here, for every thread. */
export function openSink(descriptor: number, onError: (error: Error) => void): WireSink {
  const info = fstatSync(descriptor);
  const stream =
    info.isFile() || info.isCharacterDevice()
      ? createWriteStream('', { fd: descriptor, autoClose: false })
      : new Socket({ fd: descriptor, readable: false, writable: true });
  stream.on('error', onError);
  return {
    write: (bytes, done) => {
      stream.write(bytes, (error) => done(error ?? undefined));
    },
  };
}
