import type { AsyncLocalStorage } from 'node:async_hooks';
import { LineBudget } from '../base/line-budget.ts';
import { escapeControls, logLine, tryWriteStderr } from '../base/stderr.ts';
import { isSubscribersFailure } from '../base/subscribers.ts';
import type { FromWorker } from '../threads/messages.ts';
import { textOf } from '../base/thrown.ts';
import type { Job } from './jobs/job.ts';

/** Lines a second about subscribers that throw, as on main. */
const SUBSCRIBER_LINES = 1;

/**
 * Gives each failure that surfaces outside a handler's call (a timer that throws, a rejection that nobody handles) to
 * the job that caused it. If that job has ended, or can't be told, no other job suffers: the thread goes on for those
 * that run and is then replaced, since what the failure left behind is unknown. What a subscriber of a diagnostics channel throws
 * is told and nothing else: who watches ends nothing.
 */
export function watchFailures(
  scope: AsyncLocalStorage<Job>,
  jobs: ReadonlyMap<number, Job>,
  say: (message: FromWorker) => void,
): void {
  const budget = new LineBudget(SUBSCRIBER_LINES);
  const onFailure = (thrown: unknown): void => {
    if (isSubscribersFailure()) {
      if (budget.take() === undefined) return;
      return void logLine(
        `a subscriber of a diagnostics channel threw on a worker: ${textOf(thrown, 'stack')}`,
      );
    }
    const job = scope.getStore();
    const isLive = job !== undefined && jobs.get(job.number) === job;
    const whose = isLive
      ? 'a running handler'
      : job !== undefined
        ? 'a handler that had ended'
        : 'no handler in particular';
    const text = escapeControls(textOf(thrown, 'stack')).replaceAll('\\u000a', '\n');
    tryWriteStderr(`ixt-module: uncaught failure of ${whose}: ${text}\n`);
    if (isLive) job.fail(thrown);
    say({ type: 'retire' });
  };
  process.on('uncaughtException', onFailure);
  process.on('unhandledRejection', onFailure);
}
