import { ModuleError, type ErrorCode, type ErrorReport } from '../../errors.ts';
import type { JobControl } from '../../shared-memory/job-control.ts';
import { byteLength } from '../../base/typed-array.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { dataCost } from '../../wire/flow-limits.ts';
import type { IdWords, StreamId } from '../../wire/stream-id.ts';
import type { WireOutput } from '../wire-output.ts';

/** A credit frame's size on the wire: an envelope of 80 bytes, and a frame of 48. */
const CREDIT_FRAME_BYTES = 128;

/** The frames that one stream puts on the wire: Data while there is credit, grants, and exactly one terminal frame. */
export class StreamOutput {
  readonly #wire: WireOutput;
  readonly #control: JobControl;
  readonly #encoder: FrameEncoder;
  #ungranted = 0;
  #isClosed = false;
  #terminalCode: 'close' | ErrorCode = 'close';

  constructor(wire: WireOutput, control: JobControl, id: StreamId | IdWords) {
    this.#wire = wire;
    this.#control = control;
    this.#encoder = new FrameEncoder(id);
  }

  /**
   * As {@link StreamIo.trySend}.
   *
   * @throws ModuleError `handlerFailed` for a payload that no longer has `length` bytes
   */
  trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room' {
    if (this.#control.credit <= 0) return 'credit';
    if (!this.#wire.fits(FrameEncoder.dataMessageBytes(length), true)) return 'room';
    if (byteLength(payload) !== length) throw changedLength(byteLength(payload), length);
    const cost = dataCost(length);
    const before = this.#wire.endOfNext(0);
    // Before the commit, because the host may grant the cost back as soon as the frame is on the wire.
    this.#control.addCredit(-cost);
    try {
      this.#wire.commit(this.#encoder.dataHeader(length), payload, length);
    } catch (error) {
      // The stack was used up before the commit, so the frame was not sent and its cost is given back.
      if (this.#wire.endOfNext(0) === before) this.#control.addCredit(cost);
      throw error;
    }
    return 'sent';
  }

  /** Grants now, or as soon as the ring has room. A grant may be late, but it is never lost. */
  grant(bytes: number): void {
    this.#ungranted += bytes;
    if (this.#isClosed) return;
    // Room is asked for even if no sender waits, because otherwise the grant would never be sent, and the host would stay without
    // credit.
    if (!this.#wire.fits(CREDIT_FRAME_BYTES, false) && this.#wire.awaitRoom(CREDIT_FRAME_BYTES, false))
      return;
    const grant = this.#ungranted;
    const before = this.#wire.endOfNext(0);
    // Main must know of the grant before the host can use it.
    this.#control.addGranted(grant);
    try {
      this.#wire.commit(this.#encoder.credit(grant));
    } finally {
      // The stack was used up before the commit, so the next grant includes this one.
      if (this.#wire.endOfNext(0) === before) this.#control.addGranted(-grant);
      else this.#ungranted = 0;
    }
  }

  /** There may be room, so a grant that found none is tried again. */
  retryGrant(): void {
    if (this.#ungranted > 0) this.grant(0);
  }

  /** Encodes the stream's terminal frame, for {@link commitTerminal}. */
  terminal(error: ErrorReport | undefined): Uint8Array {
    this.#terminalCode = error?.code ?? 'close';
    return error === undefined ? this.#encoder.close() : this.#encoder.error(error);
  }

  /** @returns `false` if there is no room yet */
  commitTerminal(frame: Uint8Array): boolean {
    if (!this.#wire.fits(frame.length, false)) return false;
    this.#isClosed = true;
    // The commit's one store of tail publishes this mark together with the frame.
    this.#control.markTerminal(this.#wire.endOfNext(frame.length), this.#terminalCode);
    this.#wire.commit(frame);
    return true;
  }
}

function changedLength(now: number, length: number): ModuleError {
  const message = `a chunk of ${length} bytes has ${now} when it is to be sent; leave it alone until its send has settled`;
  return new ModuleError('handlerFailed', message);
}
