/**
 * The limits that a receiver enforces before it takes memory, and the three constants of `schema/ipc_streaming.capnp`.
 */

/** Bytes that each side may send on a new stream until more is granted (`initialCredit` of the schema). */
export const INITIAL_CREDIT = 262_144;

/** The largest payload of one Data frame, in bytes (`maxDataBytes` of the schema). */
export const MAX_DATA_BYTES = 1_048_576;

/** The largest value of one progress frame, in bytes. */
export const MAX_PROGRESS_BYTES = 4_096;

/** The least cost of a Data frame, in bytes of credit (`minDataCost` of the schema). */
export const MIN_DATA_COST = 64;

/** The cost of one Data frame: its payload, and never less than {@link MIN_DATA_COST}, so that a flood of tiny frames is bounded. */
export function dataCost(payloadBytes: number): number {
  return payloadBytes < MIN_DATA_COST ? MIN_DATA_COST : payloadBytes;
}

/** The largest balance of credit a stream may reach: 2^31-1, so that it fits an Int32 of shared memory. */
export const MAX_CREDIT = 0x7fff_ffff;

/** The longest requestId of an envelope, in bytes of UTF-8 without the NUL. */
export const MAX_REQUEST_ID_BYTES = 256;

/**
 * The version of the protocol that this code speaks: what it says in `Initialize` and `Initialized`, and answers to. It is not the
 * default of these fields in the schema (`SCHEMA_DEFAULT`), which stays 1.
 */
export const PROTOCOL_VERSION = 1;
