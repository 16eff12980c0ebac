/** What an operator preloads into each thread of the child, as an environment: ES module code that needs nothing but `node:`. */
export function preloading(code: string): { NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** Runs `code` on the child's main thread only. */
export function onMain(code: string): { NODE_OPTIONS: string } {
  return preloading(`
    import { isMainThread } from 'node:worker_threads';
    import process from 'node:process';
    if (isMainThread) { ${code} }`);
}
