import type { Crash } from './alternative.ts';
import type { PicturePart } from './work.ts';

/** What a forked child is asked; `call` pairs an answer with its question. */
export type ForkRequest =
  | { readonly kind: 'picture'; readonly call: number; readonly part: PicturePart }
  | { readonly kind: 'work'; readonly call: number; readonly milliseconds: number }
  | { readonly kind: 'ping'; readonly call: number }
  | { readonly kind: 'chunk'; readonly call: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly call: number }
  | { readonly kind: 'crash'; readonly how: Crash };

/** `taken`: so many chunks are hashed, and so many more may come. */
export type ForkAnswer =
  | { readonly kind: 'result'; readonly call: number; readonly bytes: Uint8Array }
  | { readonly kind: 'taken'; readonly call: number; readonly chunks: number };
