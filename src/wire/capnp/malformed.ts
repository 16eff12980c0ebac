/** The faults that bytes from the wire can have. */
export type MalformedKind =
  /** The segment table is cut off or makes no sense. */
  | 'framing'
  /** More segments than `maxSegments` allows. */
  | 'segment-count'
  /** More bytes than `maxMessageBytes` allows. */
  | 'message-limit'
  /** Bytes after the last segment. */
  | 'trailing-bytes'
  /** A segment outside its message, or a struct outside its segment. */
  | 'segment-bounds'
  /** A struct pointer where a list belongs, the other way round, or a capability. */
  | 'pointer-kind'
  /** A far pointer to no segment, to no landing pad, or to another far pointer. */
  | 'far-pointer'
  /** A list whose elements are of another size than the field's, or a tag that isn't one. */
  | 'list-kind'
  /** A list outside its segment, or elements that overrun its word count. */
  | 'list-bounds'
  /** Text without its NUL. */
  | 'text-termination'
  | 'text-utf8'
  /** Deeper than `maxNesting`; a cycle looks the same. */
  | 'nesting'
  /** More words visited than `maxTraversalWords` allows. */
  | 'traversal'
  /** A requestId that is too long. */
  | 'request-id'
  /** A union arm that was asked for and isn't the one that is set, or one that nobody knows. */
  | 'union-arm'
  /** A number that isn't one of the enum's, where the protocol doesn't allow that. */
  | 'enumerant'
  /** The frame says another stream id than its envelope. */
  | 'id-mismatch';

/**
 * Bytes from the wire that can't be what they claim to be.
 *
 * Its scope is the caller's to decide: broken framing ends the connection, a broken frame only its stream.
 */
export class MalformedError extends Error {
  override readonly name: string = 'MalformedError';
  readonly what: MalformedKind;
  /** Segment, word and field, as far as they are known: `segment 0, word 3, IpcEnvelope.payload`. */
  readonly where: string;

  /** @param detail what was found, for a person; no full stop */
  constructor(what: MalformedKind, where: string, detail: string) {
    super(`malformed message (${what}) at ${where}: ${detail}`);
    this.what = what;
    this.where = where;
  }
}
