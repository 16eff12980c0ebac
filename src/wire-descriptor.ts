import { writeSync } from 'node:fs';

/**
 * One write attempt on the protocol's output, which is always non-blocking: a full pipe is an answer, not an error.
 *
 * @param descriptor below 0: there is none, and main, which then gets all there is to write, knows another way
 * @returns a function that gives the bytes written; 0 where the pipe is full, -1 where the reader is gone
 */
export function attemptWrite(
  descriptor: number,
): (bytes: Uint8Array, offset: number, length: number) => number {
  if (descriptor < 0) return () => 0;
  return (bytes, offset, length) => {
    try {
      return writeSync(descriptor, bytes, offset, length);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : -1;
    }
  };
}
