import { errorReport, Interception } from '../../interceptors/interception.ts';
import type { Interceptor } from '../../interceptors/interceptor.ts';
import { contextOf, type InvocationOptions } from '../invocation-options.ts';
import type { ModuleHost } from '../module-host.ts';
import { watchedStream } from './watched-stream.ts';

/** The part of a {@link ModuleHost} that a client uses. */
export type CallTarget = Pick<ModuleHost, 'openStream' | 'request'>;

/** The same module, with interceptors around each call. */
export function intercepted(module: CallTarget, use: readonly Interceptor[]): CallTarget {
  const start = (kind: 'stream' | 'handle', method: string, options: InvocationOptions): Interception =>
    new Interception(use, { side: 'host', kind, method, context: contextOf(method, options) });
  return {
    openStream: (method, options = {}) => {
      const call = start('stream', method, options);
      try {
        return watchedStream(
          call.run(() => module.openStream(method, withContext(options, call))),
          call,
        );
      } catch (thrown) {
        call.end(errorReport(thrown));
        throw thrown;
      }
    },
    request: async (method, body, options = {}) => {
      const call = start('handle', method, options);
      try {
        call.input(body);
        const answer = await call.run(() => module.request(method, body, withContext(options, call)));
        call.output(answer);
        call.end(undefined);
        return answer;
      } catch (thrown) {
        call.end(errorReport(thrown));
        throw thrown;
      }
    },
  };
}

function withContext<Options extends InvocationOptions>(options: Options, call: Interception): Options {
  const { metadata: added = [], ...fields } = call.context;
  if (added.length === 0) return { ...options, ...fields };
  const { metadata = [] } = contextOf('', options);
  return { ...options, ...fields, metadata: [...metadata, ...added] };
}
