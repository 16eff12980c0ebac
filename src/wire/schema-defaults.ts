/**
 * The defaults that the schemas give to numbers. On the wire a number is XORed with its default, so that a default is all zeroes.
 *
 * They are a part of the format and stay as they are for good, also where the version that we speak, or what we would choose
 * today, moves on: another number here would change what every message of older hosts says.
 */
export const SCHEMA_DEFAULT = {
  /** `Initialize.protocolVersion` and `Initialized.protocolVersion`. */
  protocolVersion: 1,
  /** `Open.initialCredit`, in bytes. */
  initialCredit: 262_144,
  /** `Shutdown.drainMs`, in milliseconds. */
  drainMs: 5_000,
} as const;
