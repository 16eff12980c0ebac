import type { Initialized } from '../../host/index.ts';
import type { MethodView } from '../../live/page.ts';

/** The methods of a module as the page lists them. Those of which the module says nothing get free text and bytes. */
export function methodsOf({ methods }: Initialized): MethodView[] {
  return methods.map((name) => ({
    name,
    kind: 'stream',
    mode: '',
    description: '',
    input: undefined,
    output: undefined,
    timeoutMs: 0,
    concurrency: 0,
  }));
}
