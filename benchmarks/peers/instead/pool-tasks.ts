/** What the pool's workers run: each export is a task of Piscina. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { move } from 'piscina';
import * as work from './work.ts';

export function picture(part: work.PicturePart): unknown {
  return move(work.picture(part));
}

export { work, crash } from './work.ts';

/** Hashes the chunks that come through the port until it is told that there are no more; answers each, which is its flow control. */
export async function hash({ port }: { port: MessagePort }): Promise<Uint8Array> {
  const digest = createHash('sha256');
  port.on('message', (chunk: Uint8Array | 'end') => {
    if (chunk === 'end') port.close();
    else {
      digest.update(chunk);
      port.postMessage(undefined);
    }
  });
  await once(port, 'close');
  return Uint8Array.from(digest.digest());
}
