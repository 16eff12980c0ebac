import type { Conversation } from '../recording/conversation.ts';
import type { Message } from '../recording/message.ts';

/** A message of the host's, as it was read and as it is written. */
export interface HostMessage {
  readonly message: Message;
  readonly bytes: Uint8Array;
}

/**
 * The host's recorded frames on streams for which the replayed module has not given the credit yet: it has fewer workers, say, and
 * the stream waits for one. Each stream's messages follow in their order as the credit comes, while others go on.
 */
export class HeldInput {
  readonly #replayed: Conversation;
  readonly #queues = new Map<string, HostMessage[]>();

  /** @param replayed knows each stream's credit */
  constructor(replayed: Conversation) {
    this.#replayed = replayed;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** Whether something of that exchange is held, which the next must stay behind. */
  has(key: string): boolean {
    return this.#queues.has(key);
  }

  hold(key: string, message: HostMessage): void {
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [message]);
    else queue.push(message);
  }

  /** The host has ended that stream itself: what it had sent before would come too late. */
  drop(key: string): void {
    this.#queues.delete(key);
  }

  /** Gives what there is credit for now to `say`, which enters it in the conversation. What a stream that is over had left is dropped. */
  release(say: (message: HostMessage) => void): void {
    for (const [key, queue] of this.#queues) {
      const stream = this.#replayed.exchanges.get(key);
      const mayFollow = (next: HostMessage): boolean =>
        stream?.isOver === false && (next.message.content.kind !== 'data' || stream.credit > 0);
      for (let next = queue[0]; next !== undefined && mayFollow(next); next = queue[0]) {
        queue.shift();
        say(next);
      }
      if (queue.length === 0 || stream?.isOver !== false) this.#queues.delete(key);
    }
  }
}
