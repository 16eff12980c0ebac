import type { HandlerMode, MethodOptions } from '../module.ts';
import type { MethodInfoInit } from '../wire/method-info.ts';

/** How the calls of a method run: the mode of its handler, and its limits. */
export interface ManifestRun extends Pick<MethodOptions, 'timeoutMs' | 'concurrency' | 'maxInputBytes'> {
  /** Left out where one handler serves every method. */
  readonly name?: string;
  readonly mode: HandlerMode;
}

export interface ManifestMethod extends ManifestRun {
  readonly name: string;
}

/** The description of a loaded module: its name, its methods and its hooks. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  /** `undefined` if the module serves no streams; no methods if one handler serves every method. */
  readonly streams: { readonly methods: readonly ManifestMethod[] } | ManifestRun | undefined;
  /** The mode of unary requests whose method the module doesn't name; `undefined` if it serves none. */
  readonly handle: HandlerMode | undefined;
  /** The unary methods that the module names. */
  readonly requests?: readonly ManifestMethod[];
  readonly kvChange: boolean;
  /** The module's description of its methods, for a host. */
  readonly methodInfo?: readonly MethodInfoInit[];
}

/** How streams of `method` run; `undefined` if the module doesn't serve the method. */
export function streamRun({ streams }: Manifest, method: string): ManifestRun | undefined {
  if (streams === undefined || !('methods' in streams)) return streams;
  return streams.methods.find(({ name }) => name === method);
}

/** How unary requests of `method` run; `undefined` if the module doesn't name the method. */
export function requestRun({ requests }: Manifest, method: string): ManifestRun | undefined {
  return requests?.find(({ name }) => name === method);
}
