import { AsyncLocalStorage } from 'node:async_hooks';

/** True while a subscriber of a diagnostics channel runs, and in all asynchronous work that it begins. */
const telling = new AsyncLocalStorage<boolean>();

/**
 * Tells the subscribers of a channel. If one of them throws, Node throws its error again in a later turn, where nothing else shows
 * that a subscriber caused it. So it is remembered for {@link isSubscribersFailure}.
 */
export function tell<Message>(channel: { publish(message: Message): void }, message: Message): void {
  telling.run(true, () => channel.publish(message));
}

/**
 * As {@link tell}, and runs `work` within the stores that are bound to the channel. Errors of `work` don't count as a subscriber's.
 */
export function tellAround<Message, Result>(
  channel: { runStores<R>(message: Message, work: () => R): R },
  message: Message,
  work: () => Result,
): Result {
  return telling.run(true, () => channel.runStores(message, () => telling.run(false, work)));
}

/**
 * Whether a subscriber caused the uncaught exception or rejection that is being handled. Such a failure must end nothing, since a
 * subscriber only watches.
 */
export function isSubscribersFailure(): boolean {
  return telling.getStore() === true;
}
