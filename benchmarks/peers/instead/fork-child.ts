/** A forked child that computes what it is sent, over Node's own channel. */
import { createHash, type Hash } from 'node:crypto';
import type { ForkAnswer, ForkRequest } from './fork-messages.ts';
import { crash, picture, work } from './work.ts';

/** Chunks for each answer that lets more of them come. */
const CHUNKS_A_GRANT = 4;

const hashes = new Map<number, { readonly hash: Hash; taken: number }>();

process.on('message', (request: ForkRequest) => {
  switch (request.kind) {
    case 'picture':
      return answer({ kind: 'result', call: request.call, bytes: picture(request.part) });
    case 'work':
      work(request.milliseconds);
      return answer({ kind: 'result', call: request.call, bytes: new Uint8Array(0) });
    case 'ping':
      return answer({ kind: 'result', call: request.call, bytes: new Uint8Array(0) });
    case 'chunk':
      return take(request.call, request.bytes);
    case 'end':
      return end(request.call);
    case 'crash':
      return crash(request.how);
  }
});
process.on('disconnect', () => process.exit());

function take(call: number, bytes: Uint8Array): void {
  const state = hashes.get(call) ?? { hash: createHash('sha256'), taken: 0 };
  hashes.set(call, state);
  state.hash.update(bytes);
  state.taken++;
  if (state.taken % CHUNKS_A_GRANT === 0) answer({ kind: 'taken', call, chunks: CHUNKS_A_GRANT });
}

function end(call: number): void {
  const bytes = (hashes.get(call)?.hash ?? createHash('sha256')).digest();
  hashes.delete(call);
  answer({ kind: 'result', call, bytes });
}

function answer(message: ForkAnswer): void {
  process.send?.(message);
}
