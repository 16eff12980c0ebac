import type { TestContext } from 'node:test';
import { channels } from '../../src/diagnostics.ts';

type ChannelKey = keyof typeof channels;
type MessageOf<K extends ChannelKey> = Parameters<(typeof channels)[K]['publish']>[0];

/** Collects what is published on this thread while a test runs. */
export class EventLog {
  /** Names, without the package's, in the order of their coming. */
  readonly names: string[] = [];
  readonly #messages = new Map<ChannelKey, unknown[]>();

  constructor(t: TestContext, keys: readonly ChannelKey[] = Object.keys(channels) as ChannelKey[]) {
    for (const key of keys) {
      const { name } = channels[key];
      const listener = (message: unknown): void => {
        this.names.push(name.replace('ixt-sdk:', ''));
        this.#messages.set(key, [...(this.#messages.get(key) ?? []), message]);
      };
      channels[key].subscribe(listener);
      t.after(() => channels[key].unsubscribe(listener));
    }
  }

  of<K extends ChannelKey>(key: K): MessageOf<K>[] {
    return (this.#messages.get(key) ?? []) as MessageOf<K>[];
  }
}
