/**
 * The raw peer's child. Arguments: what it does with its standard streams, and how many threads compute beside it. What comes in
 * goes out (`echo`), is counted until its mark (`sink`), or asks for so much to be sent (`source`).
 */
import { Worker } from 'node:worker_threads';
import { END_MARK, type RawWay } from './raw-ways.ts';

const [way = 'echo', burning = '0'] = process.argv.slice(2);
for (let thread = 0; thread < Number(burning); thread++) new Worker('for (;;);', { eval: true });
const WAYS: Readonly<Record<RawWay, () => void>> = { echo, sink, source };
WAYS[way as RawWay]();

function echo(): void {
  process.stdin.pipe(process.stdout);
}

/** Answers the mark with how many bytes came before it. */
function sink(): void {
  let bytes = 0;
  process.stdin.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (chunk[chunk.length - 1] !== END_MARK) return;
    process.stdout.write(new Uint8Array(Float64Array.of(bytes - 1).buffer));
    bytes = 0;
  });
}

/** Asked with two numbers, how often and how many bytes, of 32 bits each. */
function source(): void {
  let left = 0;
  let chunk = new Uint8Array(0);
  const write = (): void => {
    while (left > 0) {
      left--;
      if (!process.stdout.write(chunk)) return;
    }
  };
  process.stdout.on('drain', write);
  process.stdin.on('data', (asked: Buffer) => {
    left = asked.readUInt32LE(0);
    chunk = new Uint8Array(asked.readUInt32LE(4)).fill(0xa5);
    write();
  });
}
