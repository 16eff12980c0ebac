import { fstatSync, read } from 'node:fs';
import { Socket } from 'node:net';

/** What the read loop asks of the protocol's input. */
export interface WireSource {
  pause(): void;
  resume(): void;
}

export interface SourceEvents {
  /** `bytes` are valid during the call only: the buffer is used again. */
  onBytes(bytes: Uint8Array): void;
  onEnd(): void;
}

/** Bytes that one read may bring: a socket pair holds some 200 KiB, a pipe 64. */
const READ_BYTES = 256 * 1024;

/** Reads a descriptor: pipe or socket by libuv, a file (a recorded session, say) by plain reads. */
export function openSource(descriptor: number, events: SourceEvents): WireSource {
  const info = fstatSync(descriptor);
  if (info.isFile() || info.isCharacterDevice()) return readFileLike(descriptor, events);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    events.onEnd();
  };
  const socket = new Socket({
    fd: descriptor,
    readable: true,
    writable: false,
    // One buffer for every read: nothing is allocated per chunk.
    onread: {
      buffer: new Uint8Array(READ_BYTES),
      callback: (length: number, buffer: Uint8Array) => {
        events.onBytes(buffer.subarray(0, length));
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
  socket.on('end', end).on('error', end).on('close', end);
  socket.resume();
  return socket;
}

function readFileLike(descriptor: number, events: SourceEvents): WireSource {
  const buffer = new Uint8Array(READ_BYTES);
  let paused = false;
  let reading = false;
  const next = (): void => {
    if (paused || reading) return;
    reading = true;
    read(descriptor, buffer, 0, buffer.length, null, (error, length) => {
      reading = false;
      if (error !== null || length === 0) return events.onEnd();
      events.onBytes(buffer.subarray(0, length));
      next();
    });
  };
  next();
  return {
    pause: () => (paused = true),
    resume: () => {
      paused = false;
      next();
    },
  };
}
