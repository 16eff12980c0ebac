import { ModuleError } from '../errors.ts';
import { LiveStream, type StreamWaits, type StreamWindows } from '../host/streams/host-stream.ts';
import { LateLink } from '../host/streams/late-link.ts';
import type { StreamId } from '../wire/stream-id.ts';

/** A stream that first waits for a node. While it does, `cancel` and its signal end it here. */
export class NodeStream extends LiveStream {
  readonly link: LateLink;
  readonly #onOver: () => void;
  #state: 'waiting' | 'placed' | 'over' = 'waiting';

  /** @param onOver called once: its terminal frame has come, or never will @param onProgress for the handler's progress, if wanted */
  constructor(
    id: StreamId,
    windows: StreamWindows,
    signal: AbortSignal | undefined,
    waits: StreamWaits,
    onOver: () => void,
    onProgress?: (value: Uint8Array) => void,
  ) {
    const link = new LateLink();
    super(link, id, windows, true, signal, waits, onProgress);
    this.link = link;
    this.#onOver = onOver;
  }

  /** A node has promised it a place. */
  placed(): void {
    if (this.#state === 'waiting') this.#state = 'placed';
  }

  override cancel(reason: string): void {
    if (this.#state === 'waiting') this.abandon(new ModuleError('cancelled', reason));
    else super.cancel(reason);
  }

  override recvClose(): void {
    super.recvClose();
    this.#over();
  }

  override recvError(error: ModuleError): void {
    super.recvError(error);
    this.#over();
  }

  override abandon(error: ModuleError): void {
    super.abandon(error);
    this.#over();
  }

  #over(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#onOver();
  }
}
