/** sha256: the digest of all that comes in, as 32 bytes */
import { createHash } from 'node:crypto';
import { defineModule } from '../src/index.ts';

export default defineModule({
  name: 'sha256',
  version: '1.0.0',
  onServerStream: {
    // Reading blocks this worker thread and nothing else: the process goes on serving every other stream.
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      yield hash.digest();
    },
  },
});
