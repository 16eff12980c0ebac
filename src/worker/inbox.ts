import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { readOps, type Task } from '../thread-messages.ts';

/** What main sends to this thread, taken either by the event loop or, while a handler blocks, by hand. */
export class Inbox {
  readonly #port: MessagePort;
  readonly #onTask: (task: Task) => void;
  readonly #onOp: (kind: number, job: number, payload: Uint8Array) => void;
  readonly #onBatchEnd: () => void;
  /** Jobs that arrived while a handler blocked. */
  #waiting: Task[] = [];

  /**
   * Listens from now on. In the order of arrival:
   *
   * @param onTask gets a job with no handler on the stack
   * @param onOp gets what comes for jobs, those that wait included
   * @param onBatchEnd runs after each batch that the event loop delivered, with no handler on the stack
   */
  constructor(
    port: MessagePort,
    onTask: (task: Task) => void,
    onOp: (kind: number, job: number, payload: Uint8Array) => void,
    onBatchEnd: () => void,
  ) {
    this.#port = port;
    this.#onTask = onTask;
    this.#onOp = onOp;
    this.#onBatchEnd = onBatchEnd;
    port.on('message', (message: ArrayBuffer | Task) => {
      this.#startWaiting();
      if (!(message instanceof ArrayBuffer)) return this.#onTask(message);
      readOps(message, this.#onOp);
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
      const message = entry.message as ArrayBuffer | Task;
      if (message instanceof ArrayBuffer) readOps(message, this.#onOp);
      else this.#put(message);
    }
    return arrived;
  }

  #put(task: Task): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#startWaiting());
    this.#waiting.push(task);
  }

  #startWaiting(): void {
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift())
      this.#onTask(task);
  }
}
