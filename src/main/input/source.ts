import { createReadStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** The protocol's input, as the read loop controls it. */
export interface WireSource {
  pause(): void;
  resume(): void;
}

export interface SourceEvents {
  /** Where the next bytes are best read to, if anywhere: what is read there is the beginning of this view. */
  room?(): Uint8Array | undefined;
  /** `bytes` are valid during the call only: the buffer is used again, but for the {@link room}. */
  onBytes(bytes: Uint8Array): void;
  onEnd(): void;
}

/** Bytes that one read may bring: a socket pair holds some 200 KiB, a pipe 64. */
const READ_BYTES = 256 * 1024;

/** Reads a descriptor: a pipe, a socket, a file (a recorded session, say) or a device. An error is its end, too. */
export function openSource(descriptor: number, events: SourceEvents): WireSource {
  const info = fstatSync(descriptor);
  const stream =
    info.isFile() || info.isCharacterDevice() ? openFile(descriptor, events) : openSocket(descriptor, events);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    events.onEnd();
  };
  stream.on('end', end).on('error', end).on('close', end);
  stream.resume();
  return stream;
}

function openFile(descriptor: number, events: SourceEvents): Readable {
  const stream = createReadStream('', { fd: descriptor, autoClose: false, highWaterMark: READ_BYTES });
  // Without an encoding, chunks are buffers.
  return stream.on('data', (chunk) => events.onBytes(chunk as Buffer));
}

function openSocket(descriptor: number, events: SourceEvents): Readable {
  // One buffer for all reads that need no other: nothing is allocated per chunk.
  const shared = new Uint8Array(READ_BYTES);
  return new Socket({
    fd: descriptor,
    readable: true,
    writable: false,
    onread: {
      buffer: () => events.room?.() ?? shared,
      callback: (length: number, buffer: Uint8Array) => {
        try {
          events.onBytes(buffer.subarray(0, length));
        } catch (error) {
          // Thrown a little later: after an exception Node would not ask for the next buffer, and would read into the last one, which
          // may be a worker's by now.
          queueMicrotask(() => {
            throw error;
          });
        }
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
}
