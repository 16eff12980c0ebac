/** The handlers that the benchmarks call, written as an author would write them. */
import { createHash } from 'node:crypto';
import { defineModule, type ServerStream } from '../../src/index.ts';
import { mandelbrotRow } from '../../workers/mandelbrot.ts';
import { crash, work } from '../peers/instead/work.ts';

export default defineModule({
  name: 'benchmark',
  version: '1.0.0',
  onServerStream: {
    *echo(stream) {
      yield* stream;
    },
    async *'echo-async'(stream) {
      yield* stream;
    },
    *sink(stream) {
      yield countBytes(stream);
    },
    async *'sink-async'(stream) {
      let bytes = 0;
      for await (const chunk of stream) bytes += chunk.length;
      yield float64(bytes);
    },
    /** Metadata count, size. */
    *source(stream) {
      const chunk = new Uint8Array(numberOf(stream, 'size')).fill(0xa5);
      for (let left = numberOf(stream, 'count'); left > 0; left--) yield chunk;
    },
    /** Metadata count, size. */
    async 'source-async'(stream) {
      const chunk = new Uint8Array(numberOf(stream, 'size')).fill(0xa5);
      for (let left = numberOf(stream, 'count'); left > 0; left--) await stream.send(chunk);
    },
    /** The digest of all that comes in. */
    *'hash-input'(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      yield hash.digest();
    },
    *empty() {},
    async 'empty-async'() {},
    /** Metadata us: computes that many microseconds for each chunk, then echoes it. */
    *work(stream) {
      const milliseconds = numberOf(stream, 'us') / 1000;
      for (const chunk of stream) {
        const end = performance.now() + milliseconds;
        while (performance.now() < end);
        yield chunk;
      }
    },
    /** Metadata ms: computes that many milliseconds in a loop that looks for nothing. */
    compute(stream) {
      work(numberOf(stream, 'ms'));
    },
    /** Metadata ms: keeps its worker that long without computing, so that many of them can on few cores. */
    nap(stream) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, numberOf(stream, 'ms'));
    },
    /** Metadata how: ends its thread or its process. */
    crash(stream) {
      crash(stream.context.metadata.some(([, how]) => how === 'kill') ? 'kill' : 'exit');
    },
    /** Computes until it is cancelled. */
    spin(stream) {
      for (;;) stream.throwIfCancelled();
    },
    /** Metadata width, height, maxIter, y0, rows. */
    *mandelbrot(stream) {
      const [width, height] = [numberOf(stream, 'width'), numberOf(stream, 'height')];
      const [y0, rows] = [numberOf(stream, 'y0'), numberOf(stream, 'rows')];
      const maxIter = numberOf(stream, 'maxIter');
      for (let y = y0; y < y0 + rows; y++) {
        yield mandelbrotRow(width, height, maxIter, y, () => stream.throwIfCancelled());
      }
    },
    /** Metadata rounds: hashes 1 MiB that often. */
    *sha256(stream) {
      yield hashRounds(numberOf(stream, 'rounds'));
    },
  },
});

/** The CPU-bound work of the scope `cpu`, which plain processes run too. */
export function hashRounds(rounds: number): Uint8Array {
  const block = new Uint8Array(1 << 20).fill(0xa5);
  const hash = createHash('sha256');
  for (let round = 0; round < rounds; round++) hash.update(block);
  return hash.digest();
}

function countBytes(stream: Iterable<Uint8Array>): Uint8Array {
  let bytes = 0;
  for (const chunk of stream) bytes += chunk.length;
  return float64(bytes);
}

function float64(value: number): Uint8Array {
  return new Uint8Array(Float64Array.of(value).buffer);
}

function numberOf(stream: ServerStream, key: string): number {
  const value = Number(stream.context.metadata.find(([name]) => name === key)?.[1]);
  if (!Number.isFinite(value)) throw new RangeError(`the metadata has no number '${key}'`);
  return value;
}
