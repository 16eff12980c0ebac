import type { AsyncLocalStorage } from 'node:async_hooks';
import { LineBudget } from '../base/line-budget.ts';
import { escapeControls, logLine, tryWriteStderr } from '../base/stderr.ts';
import { isSubscribersFailure } from '../base/subscribers.ts';
import type { FromWorker } from '../threads/messages.ts';
import { textOf } from '../base/thrown.ts';
import type { Job } from './jobs/job.ts';

/** Log lines a second about subscribers that throw, as on main. */
const SUBSCRIBER_LINES = 1;

/**
 * Gives each failure that surfaces outside a handler's call (a timer that throws, a rejection that nobody handles) to the job that
 * caused it. If that job has ended or is not known, no other job suffers: the thread goes on for the running jobs and is then
 * replaced, since the failure may have left any state behind. An error of a subscriber of a diagnostics channel is only logged,
 * because a subscriber only watches and must end nothing.
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
    const isLive = job !== undefined && jobs.get(job.jobId) === job;
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
