import { AsyncLocalStorage } from 'node:async_hooks';

/** Holds while a subscriber of a diagnostics channel runs, and in all that it begins. */
const telling = new AsyncLocalStorage<boolean>();

/**
 * Tells the subscribers of a channel. Node throws what one of them throws in a later turn, where nothing says whose it is; so it is
 * remembered for {@link isSubscribersFailure}.
 */
export function tell<Message>(channel: { publish(message: Message): void }, message: Message): void {
  telling.run(true, () => channel.publish(message));
}

/** As {@link tell}, around `work`, which runs within the stores that are bound to the channel and is no subscriber's. */
export function tellAround<Message, Result>(
  channel: { runStores<R>(message: Message, work: () => R): R },
  message: Message,
  work: () => Result,
): Result {
  return telling.run(true, () => channel.runStores(message, () => telling.run(false, work)));
}

/** Asked while an uncaught exception or rejection is handled: whether a subscriber caused it, who only watches. */
export function isSubscribersFailure(): boolean {
  return telling.getStore() === true;
}
