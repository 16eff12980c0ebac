/** gzip, gunzip: what comes in, compressed or restored, piece by piece through Web Streams */
import { defineModule, ModuleError, type ServerStream } from '../src/index.ts';

export default defineModule({
  name: 'gzip',
  version: '1.0.0',
  onServerStream: {
    async gzip(stream) {
      await pipe(stream, new CompressionStream('gzip'));
    },

    async gunzip(stream) {
      try {
        await pipe(stream, new DecompressionStream('gzip'));
      } catch (cause) {
        // What zlib throws says nothing of whose fault it is; a cancel has its own code already.
        if (cause instanceof ModuleError || stream.cancelled) throw cause;
        throw new ModuleError('invalidArgument', 'The input is no gzip data, or is cut off.', { cause });
      }
    },
  },
});

/** Settles when all is sent. The pipe waits where the host gives no credit, and so does the host's input then. */
async function pipe(stream: ServerStream, transform: CompressionStream | DecompressionStream): Promise<void> {
  await stream.readable.pipeThrough(transform).pipeTo(stream.writable, { signal: stream.signal });
}
