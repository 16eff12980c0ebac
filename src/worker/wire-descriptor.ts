import { writeSync } from 'node:fs';

/**
 * One write attempt on the protocol's output, which is always non-blocking: a full pipe is an answer, not an error.
 *
 * @param descriptor below 0: there is none, and main, which then gets all there is to write, knows another way
 * @returns a function that gives the bytes written; 0 where the pipe is full, the system's negative error number where it
 *   can't be written to any more
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
      // Not the system's word but this thread's (its stack is used up, say): that says nothing of the wire.
      if (errno === undefined) throw error;
      // ENOBUFS is how macOS says that a socket is full.
      return code === 'EAGAIN' || code === 'ENOBUFS' ? 0 : errno;
    }
  };
}
