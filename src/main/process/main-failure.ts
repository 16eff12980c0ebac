import { logLine } from '../../base/stderr.ts';
import { LineBudget } from '../../base/line-budget.ts';
import { isSubscribersFailure } from '../../base/subscribers.ts';
import { textOf } from '../../base/thrown.ts';

/**
 * Log lines a second about subscribers that throw. It is limited, because a subscriber that always throws would cause one for each
 * event.
 */
const SUBSCRIBER_LINES = 1;

/**
 * Calls back with each error that main throws and nobody catches, instead of letting Node end the process at once, because the host
 * must get a terminal frame for each stream. An error of a subscriber of a diagnostics channel is only logged, because a subscriber
 * only watches and must end nothing.
 */
export function watchMain(onFailure: (thrown: unknown) => void): void {
  const budget = new LineBudget(SUBSCRIBER_LINES);
  const onThrown = (thrown: unknown): void => {
    if (!isSubscribersFailure()) return onFailure(thrown);
    if (budget.take() === undefined) return;
    logLine(`a subscriber of a diagnostics channel threw on the main thread: ${textOf(thrown, 'stack')}`);
  };
  process.on('uncaughtException', onThrown);
  process.on('unhandledRejection', onThrown);
}
