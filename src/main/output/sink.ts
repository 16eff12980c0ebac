import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';

/** Where bytes leave the process; waits for the pipe, without blocking. */
export interface WireSink {
  /** Writes all of `bytes`, which stay untouched until `done` is called. One write at a time. */
  write(bytes: Uint8Array, done: (error?: Error) => void): void;
}

/** Opens the protocol's output. Pipes and sockets become non-blocking here, for every thread. */
export function openSink(descriptor: number, onError: (error: Error) => void): WireSink {
  const info = fstatSync(descriptor);
  if (info.isFile() || info.isCharacterDevice()) return writeFileLike(descriptor);
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  socket.on('error', onError);
  return {
    write: (bytes, done) => {
      socket.write(bytes, (error) => done(error ?? undefined));
    },
  };
}

function writeFileLike(descriptor: number): WireSink {
  const writeAll = (bytes: Uint8Array, done: (error?: Error) => void): void => {
    write(descriptor, bytes, (error, written) => {
      if (error !== null) done(error);
      else if (written < bytes.length) writeAll(bytes.subarray(written), done);
      else done();
    });
  };
  return { write: writeAll };
}
