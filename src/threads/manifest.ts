import type { HandlerMode } from '../module.ts';

export interface ManifestMethod {
  readonly name: string;
  readonly mode: HandlerMode;
}

/** What the module file turned out to be. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  /** `undefined`: no streams. A mode alone: one handler for every method. */
  readonly streams:
    { readonly methods: readonly ManifestMethod[] } | { readonly mode: HandlerMode } | undefined;
  readonly handle: HandlerMode | undefined;
  readonly kvChange: boolean;
}

/** How the module handles streams of `method`; `undefined`: not at all. */
export function streamMode({ streams }: Manifest, method: string): HandlerMode | undefined {
  if (streams === undefined || 'mode' in streams) return streams?.mode;
  return streams.methods.find(({ name }) => name === method)?.mode;
}
