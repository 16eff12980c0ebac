import { logLine } from '../../base/stderr.ts';
import { LineBudget } from '../../base/line-budget.ts';
import { isSubscribersFailure } from '../../base/subscribers.ts';
import { textOf } from '../../base/thrown.ts';

/** Lines a second about subscribers that throw: one that always does would write one for each event. */
const SUBSCRIBER_LINES = 1;

/**
 * Calls back with what main throws where nobody catches it, instead of letting Node end the process on the spot: the host is owed
 * an end of each stream. What a subscriber of a diagnostics channel throws is told and nothing else: who watches ends nothing.
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
