import { closeSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { openPipe, type PipeEnds } from '../../src/host/transport/fifo.ts';

export interface TestPipe extends PipeEnds {
  /** Closes one end before the test is over: the other one then sees the end of the input, or EPIPE. */
  close(end: 'read' | 'write'): void;
}

/** A real pipe for one test, as file descriptors; what is still open when the test ends is closed. */
export function testPipe(t: TestContext, nonBlocking: 'read' | 'write'): TestPipe {
  const { readFd, writeFd } = openPipe(nonBlocking);
  const open = new Map([
    ['read', readFd],
    ['write', writeFd],
  ]);
  const close = (end: 'read' | 'write'): void => {
    const fd = open.get(end);
    open.delete(end);
    if (fd !== undefined) closeSync(fd);
  };
  t.after(() => {
    close('read');
    close('write');
  });
  return { readFd, writeFd, close };
}
