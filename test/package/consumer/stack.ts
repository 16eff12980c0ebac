import { defineModule } from 'ixt-sdk';

interface Nothing {
  readonly left: undefined;
}

export default defineModule({
  name: 'stack',
  version: '1.0.0',
  onServerStream: {
    *stack() {
      yield new TextEncoder().encode(new Error('here').stack);
    },
  },
});
export type { Nothing };
