import type { ErrorReport } from '../../errors.ts';
import { grantFits } from '../../wire/credit.ts';
import type { InvocationContext } from '../../wire/context.ts';
import type { ServeOptions } from '../options.ts';
import { streamRun, type Manifest, type ManifestRun } from '../../threads/manifest.ts';

export type Refusal = ErrorReport;

/** The sizes that the first checks of an Open look at. */
export interface OpenSizes {
  /** Of the InvocationContext as it is on the wire. */
  readonly contextBytes: number;
  readonly metadataEntries: number;
  readonly initialCredit: number;
}

/** The checks of an Open that come before those of {@link admit}, in the protocol's order: draining, context, credit. */
export function refusalBeforeHandler(
  isDraining: boolean,
  { contextBytes, metadataEntries, initialCredit }: OpenSizes,
  { maxContextBytes, maxMetadataEntries }: Pick<ServeOptions, 'maxContextBytes' | 'maxMetadataEntries'>,
): Refusal | undefined {
  if (isDraining)
    return { code: 'unavailable', message: 'the module is shutting down and takes no new streams' };
  if (contextBytes > maxContextBytes) {
    return {
      code: 'invalidArgument',
      message: `the InvocationContext has ${contextBytes} bytes, the limit is ${maxContextBytes}`,
    };
  }
  if (metadataEntries > maxMetadataEntries) {
    return {
      code: 'invalidArgument',
      message: `the InvocationContext has ${metadataEntries} metadata entries, the limit is ${maxMetadataEntries}`,
    };
  }
  if (!grantFits(0, initialCredit)) {
    return {
      code: 'flowControlViolation',
      message: `an initialCredit of ${initialCredit} is over the bound of 2^31-1`,
    };
  }
  return undefined;
}

/**
 * The checks of an Open that need the module's manifest, in the protocol's order: handler, method, deadline.
 *
 * @param now milliseconds since the epoch
 */
export function admit(
  manifest: Manifest,
  context: Pick<InvocationContext, 'method' | 'deadlineUnixMs'>,
  now: number,
): Refusal | { run: ManifestRun } {
  if (manifest.streams === undefined) {
    return { code: 'streamingUnsupported', message: `the module ${manifest.name} handles no server-streams` };
  }
  const run = streamRun(manifest, context.method);
  if (run === undefined) {
    return {
      code: 'methodNotFound',
      message: `the module ${manifest.name} has no stream method '${context.method}'`,
    };
  }
  return deadlinePassed(context, now) ?? { run };
}

/** The refusal of a call that no worker can be had for. @param why for a person */
export function noWorker(why: string): Refusal {
  return { code: 'unavailable', message: `no worker can be had: ${why}` };
}

/** @returns the refusal of a call whose deadline has passed before it could start */
export function deadlinePassed(
  context: Pick<InvocationContext, 'deadlineUnixMs'>,
  now: number,
): Refusal | undefined {
  if (context.deadlineUnixMs === 0 || context.deadlineUnixMs > now) return undefined;
  const late = now - context.deadlineUnixMs;
  return {
    code: 'deadlineExceeded',
    message: `the deadline had passed ${late} ms before the handler could start`,
  };
}
