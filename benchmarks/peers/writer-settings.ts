import type { RegionHandle } from '../../src/shared-memory/region.ts';

/** Ways to one pipe from many threads. */
export type WriterWay = 'ring' | 'lock' | 'funnel';

export interface WriterSettings {
  readonly way: WriterWay;
  readonly slot: number;
  readonly payloadBytes: number;
  readonly region: RegionHandle;
  /** Of `lock`. */
  readonly mutex: Int32Array;
  /** Of `funnel`: batches that main has not written. */
  readonly outstanding: Int32Array;
}

/** Where the frames go: none of the standard streams, which Node makes non-blocking once there are threads. */
export const WIRE_DESCRIPTOR = 3;
