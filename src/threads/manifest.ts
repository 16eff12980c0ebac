import type { HandlerMode } from '../module.ts';

export interface ManifestMethod {
  readonly name: string;
  readonly mode: HandlerMode;
}

/** The description of a loaded module: its name, its methods and its hooks. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  /** `undefined` if the module serves no streams; only a mode if one handler serves every method. */
  readonly streams:
    { readonly methods: readonly ManifestMethod[] } | { readonly mode: HandlerMode } | undefined;
  readonly handle: HandlerMode | undefined;
  readonly kvChange: boolean;
}

/** The mode of the handler for streams of `method`; `undefined` if the module doesn't serve the method. */
export function streamMode({ streams }: Manifest, method: string): HandlerMode | undefined {
  if (streams === undefined || 'mode' in streams) return streams?.mode;
  return streams.methods.find(({ name }) => name === method)?.mode;
}
