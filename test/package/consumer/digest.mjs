import { createHash } from 'node:crypto';
import { defineModule, ModuleError } from 'ixt-sdk';

export default defineModule({
  name: 'digest',
  version: '1.0.0',
  onServerStream: {
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      yield hash.digest();
    },
    /** What the runner throws is of this package, as the module knows it. */
    *caught(stream) {
      try {
        stream.sendSync('no bytes');
      } catch (error) {
        yield new TextEncoder().encode(String(error instanceof ModuleError));
      }
    },
  },
});
