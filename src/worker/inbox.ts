import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { readOps } from '../thread-messages.ts';

/** What main sends to this thread, taken either by the event loop or, while a handler blocks, by hand. */
export class Inbox {
  readonly #port: MessagePort;
  readonly #onOp: (kind: number, job: number, payload: Uint8Array) => void;
  readonly #onBatchEnd: () => void;

  /** @param onBatchEnd runs after each batch that the event loop delivered, with no handler on the stack */
  constructor(
    port: MessagePort,
    onOp: (kind: number, job: number, payload: Uint8Array) => void,
    onBatchEnd: () => void,
  ) {
    this.#port = port;
    this.#onOp = onOp;
    this.#onBatchEnd = onBatchEnd;
  }

  listen(): void {
    this.#port.on('message', (batch: ArrayBuffer) => {
      readOps(batch, this.#onOp);
      this.#onBatchEnd();
    });
  }

  /** Takes everything that has arrived, without waiting. @returns whether there was anything */
  pump(): boolean {
    let arrived = false;
    for (
      let entry = receiveMessageOnPort(this.#port);
      entry !== undefined;
      entry = receiveMessageOnPort(this.#port)
    ) {
      arrived = true;
      readOps(entry.message as ArrayBuffer, this.#onOp);
    }
    return arrived;
  }
}
