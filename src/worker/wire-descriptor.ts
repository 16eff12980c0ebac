import { writeSync } from 'node:fs';

/**
 * Makes the function for write attempts on the protocol's output. The output is always non-blocking, so a full pipe is a normal
 * result and not an error.
 *
 * @param descriptor below 0 if the threads have none; main then gets all bytes, and writes them in another way
 * @returns a function that returns the bytes written; 0 if the pipe is full; the system's negative error number if it can't be
 *   written to any more
 */
export function attemptWrite(
  descriptor: number,
): (bytes: Uint8Array, offset: number, length: number) => number {
  if (descriptor < 0) return () => 0;
  return (bytes, offset, length) => {
    try {
      return writeSync(descriptor, bytes, offset, length);
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      // The error is this thread's and not the system's (for example, its stack is used up), so it tells nothing about the wire.
      if (errno === undefined) throw error;
      // On macOS, ENOBUFS means that a socket is full.
      return code === 'EAGAIN' || code === 'ENOBUFS' ? 0 : errno;
    }
  };
}
