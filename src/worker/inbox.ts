import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { ChunkWeight } from '../base/chunk-weight.ts';
import { OP, type RequestTask } from '../threads/messages.ts';
import type { OpenedStream, OpenReader } from './jobs/opened-stream.ts';
import { OpReader } from '../threads/op-batch.ts';

export type ArrivedTask = OpenedStream | RequestTask;

/** Receives main's messages to this thread, by the event loop or, while a handler blocks, by {@link pump}. */
export class Inbox {
  readonly #port: MessagePort;
  readonly #opens: Pick<OpenReader, 'read'>;
  readonly #onTask: (task: ArrivedTask) => void;
  readonly #onOp: (kind: number, job: number, payload: Uint8Array) => void;
  readonly #onBatchEnd: () => void;
  readonly #weight = new ChunkWeight();
  /** Jobs that arrived while a handler blocked. */
  #waiting: ArrivedTask[] = [];
  /**
   * The batch that the event loop delivered and that is not completely read. It is kept because a handler that began in the middle
   * of it may block and need the rest.
   */
  #batch: OpReader | undefined;

  /**
   * Listens from now on. The functions are called in the order of arrival.
   *
   * @param onTask gets a job with no handler on the stack
   * @param onOp gets the operations for jobs, including jobs that wait
   * @param onBatchEnd runs after each batch that the event loop delivered, with no handler on the stack
   */
  constructor(
    port: MessagePort,
    opens: Pick<OpenReader, 'read'>,
    onTask: (task: ArrivedTask) => void,
    onOp: (kind: number, job: number, payload: Uint8Array) => void,
    onBatchEnd: () => void,
  ) {
    this.#port = port;
    this.#opens = opens;
    this.#onTask = onTask;
    this.#onOp = onOp;
    this.#onBatchEnd = onBatchEnd;
    port.on('message', (message: ArrayBuffer | RequestTask) => {
      this.#startWaiting();
      if (!(message instanceof ArrayBuffer)) return this.#onTask(message);
      this.#batch = new OpReader(message);
      this.#walk(this.#batch, this.#onTask);
      this.#batch = undefined;
      this.#onBatchEnd();
    });
  }

  /** Reads everything that has arrived, without waiting. @returns whether there was anything */
  pump(): boolean {
    const put = (task: ArrivedTask): void => this.#put(task);
    let arrived = this.#batch !== undefined && this.#walk(this.#batch, put);
    for (
      let entry = receiveMessageOnPort(this.#port);
      entry !== undefined;
      entry = receiveMessageOnPort(this.#port)
    ) {
      arrived = true;
      const message = entry.message as ArrayBuffer | RequestTask;
      if (message instanceof ArrayBuffer) this.#walk(new OpReader(message), put);
      else this.#put(message);
    }
    return arrived;
  }

  /** Reads the rest of a batch. @returns whether there was anything */
  #walk(batch: OpReader, onTask: (task: ArrivedTask) => void): boolean {
    let arrived = false;
    while (batch.next()) {
      arrived = true;
      if (batch.kind === OP.open) onTask(this.#opens.read(batch.target, batch.view()));
      else this.#give(batch);
    }
    return arrived;
  }

  #give(batch: OpReader): void {
    const payload = batch.payload();
    this.#weight.add(payload.length);
    this.#onOp(batch.kind, batch.target, payload);
  }

  #put(task: ArrivedTask): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#startWaiting());
    this.#waiting.push(task);
  }

  #startWaiting(): void {
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift())
      this.#onTask(task);
  }
}
