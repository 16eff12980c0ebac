import { createHash } from 'node:crypto';
import { defineModule, ModuleError } from 'ixt-sdk';

export default defineModule({
  name: '{{name}}',
  version: '0.1.0',
  onServerStream: {
    // Synchronous: it has a worker thread to itself, and may compute as long as it likes.
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) {
        // One look at a flag: a caller that cancels doesn't have to wait for the end.
        stream.throwIfCancelled();
        hash.update(chunk);
      }
      yield hash.digest();
    },

    // Asynchronous: each chunk is answered as it comes.
    async *shout(stream) {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const encoder = new TextEncoder();
      for await (const chunk of stream) yield encoder.encode(decode(decoder, chunk).toUpperCase());
    },
  },
});

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    // The caller reads the code and the message.
    throw new ModuleError('invalidArgument', 'shout takes UTF-8 text');
  }
}
