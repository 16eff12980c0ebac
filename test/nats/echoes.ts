import { createHash } from 'node:crypto';
import type { HostStream } from '../../src/host/index.ts';

/** The digests of both directions of an echo, and how many frames came back. */
export interface EchoDigests {
  readonly sent: string;
  readonly received: string;
  readonly count: number;
}

/**
 * Sends numbered frames and reads them back.
 *
 * @param onFrame is told how many frames have come back, after each
 */
export async function digestsOf(
  stream: HostStream,
  frames: number,
  onFrame: (seen: number) => void = () => {},
): Promise<EchoDigests> {
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const sending = (async () => {
    for (let at = 0; at < frames; at += 1) {
      const frame = Uint8Array.from({ length: 64 }, (_, index) => (at >> (8 * (index & 3))) & 0xff);
      sent.update(frame);
      await stream.send(frame);
    }
    stream.end();
  })();
  // A stream that fails tells its reader; the sender's share of the error says nothing new.
  sending.catch(() => undefined);
  let count = 0;
  for await (const frame of stream) {
    received.update(frame);
    count += 1;
    onFrame(count);
  }
  await sending;
  return { sent: sent.digest('hex'), received: received.digest('hex'), count };
}
