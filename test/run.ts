import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { collectFiles, countTest, missingTests, plan, type TestEvent } from './support/test-plan.ts';

/**
 * Runs the named layers: `node --import tsx test/run.ts unit session [part of a file name …]`.
 *
 * Beyond what fails by itself, a run fails when a layer has no files, a test was skipped or is a todo, or a file ran
 * fewer tests than it declares: a test that isn't run passes for ever.
 */
const CONCURRENCY = 2;

/** For a whole file, in ms: a hang ends the run instead of holding it up. */
const FILE_TIMEOUT_MS = 15 * 60_000;

interface Finished {
  readonly name: string;
  readonly file?: string;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details?: { readonly type?: string };
}

function main(args: readonly string[]): void {
  const counts = plan(collectFiles(fileURLToPath(new URL('.', import.meta.url)), args));
  const wrong: string[] = [];
  const onTest = ({ details, ...event }: Finished): void => {
    const finding = countTest(counts, { ...event, kind: details?.type } satisfies TestEvent);
    if (finding !== undefined) wrong.push(finding);
  };
  // The files' processes inherit this one's `--import tsx`.
  const stream = run({ files: [...counts.keys()], concurrency: CONCURRENCY, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', onTest);
  stream.on('test:fail', (event: Finished) => {
    process.exitCode = 1;
    onTest(event);
  });
  const report = stream.pipe(new spec());
  // The reporter's own totals are the last lines, unless something is wrong that they don't show.
  report.on('end', () => {
    wrong.push(...missingTests(counts.values()));
    if (wrong.length === 0) return;
    process.exitCode = 1;
    console.error(`\nThe run does not count:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
  });
  report.pipe(process.stdout);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`test/run.ts: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
