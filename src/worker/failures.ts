import type { AsyncLocalStorage } from 'node:async_hooks';
import { escapeControls, tryWriteStderr } from '../base/stderr.ts';
import type { FromWorker } from '../threads/messages.ts';
import { textOf } from './error-report.ts';
import type { Job } from './jobs/job.ts';

/**
 * Gives each failure that surfaces outside a handler's call (a timer that throws, a rejection that nobody handles) to
 * the job that caused it. If that job has ended, or can't be told, no other job suffers: the thread goes on for those
 * that run and is then replaced, since what the failure left behind is unknown.
 */
export function watchFailures(
  scope: AsyncLocalStorage<Job>,
  jobs: ReadonlyMap<number, Job>,
  say: (message: FromWorker) => void,
): void {
  const onFailure = (thrown: unknown): void => {
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
