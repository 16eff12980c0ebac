import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The two open ends of one pipe, as file descriptors. */
export interface PipeEnds {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * Opens a real pipe, by way of a FIFO whose name is removed before this returns. Node's own spawn never makes a pipe; it makes
 * socket pairs.
 *
 * @param nonBlocking the end that is for a libuv handle; the flag belongs to the open file, so a child's end must be opened without
 *   it
 * @throws Error if the system has no `mkfifo`
 */
export function openPipe(nonBlocking: 'read' | 'write'): PipeEnds {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-fifo-'));
  const opened: number[] = [];
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  try {
    const path = join(folder, 'pipe');
    const made = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
    if (made.error !== undefined) throw new Error('mkfifo did not run', { cause: made.error });
    if (made.status !== 0) throw new Error(`mkfifo failed: ${made.stderr.trim()}`);
    // A non-blocking reader is opened first. After that each end finds the other one open, so it opens at once.
    const early = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFlags = constants.O_WRONLY | (nonBlocking === 'write' ? constants.O_NONBLOCK : 0);
    const writeFd = open(path, writeFlags);
    if (nonBlocking === 'read') return { readFd: early, writeFd };
    const readFd = open(path, constants.O_RDONLY);
    closeSync(early);
    return { readFd, writeFd };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
