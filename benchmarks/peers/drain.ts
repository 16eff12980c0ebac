/** Reads standard input without looking at it: says how long the bytes took that it was told to expect. */
import { readSync } from 'node:fs';

const buffer = new Uint8Array(1 << 16);

process.on('message', ({ bytes }: { bytes: number }) => {
  let left = bytes - readSync(0, buffer);
  const start = performance.now();
  while (left > 0) {
    const length = readSync(0, buffer);
    if (length === 0) break;
    left -= length;
  }
  process.send?.({ left, seconds: (performance.now() - start) / 1000 });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
