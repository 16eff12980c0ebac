import { createHash } from 'node:crypto';
import { defineModule } from 'ixt-sdk';

export default defineModule({
  name: 'digest',
  version: '1.0.0',
  onServerStream: {
    *sha256(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      yield hash.digest();
    },
  },
});
