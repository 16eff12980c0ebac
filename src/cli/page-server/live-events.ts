import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

/** The longest line of an events socket that is read, in UTF-16 units. Whoever made the socket may not be our `serve`. */
const MAX_LINE = 1 << 20;

/** Time after which a page asks again for a process that is gone, in ms. */
const RETRY_MS = 300;

/**
 * Connects to the process that tells its events at `path`.
 *
 * @param onLines called with whole lines, of JSON if the process is ours
 * @param onEnd called once, when it is gone or could not be reached
 */
export function readEventsSocket(
  path: string,
  onLines: (lines: readonly string[]) => void,
  onEnd: (error: Error | undefined) => void,
): Socket {
  const socket = connect(path);
  const utf8 = new StringDecoder('utf8');
  let rest = '';
  let failure: Error | undefined;
  socket.on('data', (bytes) => {
    const lines = (rest + utf8.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) onLines(lines);
    if (rest.length > MAX_LINE) socket.destroy(new Error('a line of the socket is too long'));
  });
  socket.on('error', (error) => (failure = error));
  socket.on('close', () => onEnd(failure));
  return socket;
}

/**
 * Passes the events of that process on to a page as they come. Every page has a connection of its own, so that it begins with what
 * the process knows then. The answer ends when the process is gone, and the page asks again.
 */
export function relayLiveEvents(path: string, page: ServerResponse): void {
  page.write(`retry: ${RETRY_MS}\n\n`);
  const onLines = (lines: readonly string[]): void => {
    if (!page.write(`data: [${lines.join(',')}]\n\n`)) socket.pause();
  };
  const socket = readEventsSocket(path, onLines, () => page.end());
  page.on('drain', () => socket.resume());
  page.on('close', () => socket.destroy());
}
