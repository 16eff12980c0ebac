import type { ErrorCode } from '../../errors.ts';
import type { InvocationContextInit } from '../../wire/context.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { dataCost, INITIAL_CREDIT, MAX_DATA_BYTES } from '../../wire/flow-limits.ts';
import type { StreamId } from '../../wire/stream-id.ts';
import type { Content } from '../recording/message.ts';
import { describe } from '../recording/render.ts';
import { count } from '../terminal/format.ts';
import { Breach, expectSame, expectThat } from './breach.ts';

/** How a stream ended. */
export type StreamEnd = Extract<Content, { kind: 'close' | 'error' }>;

/** The part of the child that a stream uses. */
export interface StreamChild {
  send(message: Uint8Array): void;
  until<T>(expected: string, look: () => T | undefined, withinMs?: number): Promise<T>;
}

export interface OpenOptions extends InvocationContextInit {
  /** Bytes that the module may send at first. */
  readonly initialCredit?: number;
}

/**
 * One stream, as a host that trusts nothing sees it. It writes what a case says, allowed or not, and holds every frame that comes
 * against the rules that always hold: one end, nothing behind it, and credit both ways.
 */
export class ChildStream {
  readonly id: StreamId;
  readonly encoder: FrameEncoder;
  readonly #child: StreamChild;
  #isOpen = false;
  /** Data that came and that no case has taken. */
  readonly #data: Uint8Array[] = [];
  #end: StreamEnd | undefined;
  /** The credit of the module and ours, in bytes. */
  #moduleBalance = 0;
  #hostBalance: number;
  #sentCost = 0;
  #granted = 0;

  /** @param window the module's first window, in bytes */
  constructor(child: StreamChild, id: StreamId, window: number) {
    this.#child = child;
    this.id = id;
    this.encoder = new FrameEncoder(id);
    this.#hostBalance = window;
  }

  /** Whether its Open was sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How it ended; `undefined` while it has not. */
  get ended(): StreamEnd | undefined {
    return this.#end;
  }

  /** Bytes that we may still send. */
  get hostBalance(): number {
    return this.#hostBalance;
  }

  /** Bytes that the module may still send. */
  get moduleBalance(): number {
    return this.#moduleBalance;
  }

  /** All bytes that the module has granted. */
  get granted(): number {
    return this.#granted;
  }

  open({ initialCredit = INITIAL_CREDIT, ...context }: OpenOptions): this {
    this.begins(initialCredit);
    this.#child.send(this.encoder.open(context, initialCredit));
    return this;
  }

  /** Its Open is written by the case itself. */
  begins(initialCredit: number = INITIAL_CREDIT): void {
    this.#isOpen = true;
    this.#moduleBalance = initialCredit;
  }

  /** Sends Data, whatever the credit. */
  data(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.spends(chunk.length);
      this.#child.send(this.encoder.data(chunk));
    }
    return this;
  }

  /** Data of that size is written by the case itself. */
  spends(bytes: number): void {
    this.#hostBalance -= dataCost(bytes);
    this.#sentCost += dataCost(bytes);
  }

  /** Sends Data as credit allows, and waits for what it lacks. */
  async dataWithinCredit(...chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      const expected = `credit for what the handler has taken (${count(this.#sentCost)} bytes were sent, ${count(this.#granted)} granted)`;
      await this.#child.until(expected, () => (this.#hostBalance > 0 ? true : undefined));
      this.data(chunk);
    }
  }

  credit(bytes: number): void {
    this.#moduleBalance += bytes;
    this.#child.send(this.encoder.credit(bytes));
  }

  close(): this {
    this.#child.send(this.encoder.close());
    return this;
  }

  cancel(reason = 'the host has changed its mind'): void {
    this.#child.send(this.encoder.cancel(reason));
  }

  /** The next Data, without a grant for it. */
  async next(): Promise<Uint8Array> {
    const data = await this.#child.until(`Data on stream ${this.id}`, () => this.#nextOrEnd());
    if (data instanceof Uint8Array) return data;
    throw new Breach(`Data on stream ${this.id}`, `its end: ${this.#endText(data)}`);
  }

  /** All Data up to a clean end, each granted back as it is taken. */
  async collect(): Promise<Uint8Array[]> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const next = await this.#child.until(`Data or Close on stream ${this.id}`, () => this.#nextOrEnd());
      if (!(next instanceof Uint8Array)) {
        this.#expectKind(next, 'close');
        return chunks;
      }
      chunks.push(next);
      if (this.#end === undefined) this.credit(dataCost(next.length));
    }
  }

  /** The one Data of a method that answers with one, up to a clean end. */
  async answer(): Promise<Uint8Array> {
    const [data, ...more] = await this.collect();
    expectThat(
      data !== undefined && more.length === 0,
      `one Data on stream ${this.id}`,
      `${data === undefined ? 0 : 1 + more.length} of them`,
    );
    return data ?? new Uint8Array(0);
  }

  /**
   * Waits for the end, whatever Data comes before it.
   *
   * @param what `close`, or the code of the error that it must be
   * @returns the error's message
   */
  async ends(what: 'close' | ErrorCode, withinMs?: number): Promise<string> {
    const expected = `the end of stream ${this.id}: ${what === 'close' ? 'close' : `error ${what}`}`;
    const end = await this.#child.until(expected, () => this.#end, withinMs);
    this.#expectKind(end, what);
    return end.kind === 'error' ? end.message : '';
  }

  /** Nothing but the end came: what was refused has no Data. */
  expectNoData(): void {
    expectSame(`Data frames on stream ${this.id}`, this.#data.length, 0);
  }

  /** A frame of the module's. @throws Breach for one that the contract forbids in any case */
  receive(content: Content): void {
    if (this.#end !== undefined) {
      throw new Breach(
        `nothing on stream ${this.id} behind its terminal frame (${this.#endText(this.#end)})`,
        `${content.kind}${describe(content)}`,
      );
    }
    switch (content.kind) {
      case 'data':
        return this.#receiveData(content.data);
      case 'credit':
        return this.#receiveCredit(content.credit);
      case 'close':
      case 'error':
        this.#end = content;
        return;
      default:
        throw new Breach(
          'data, credit, close or error, the frames of a module',
          `${content.kind}${describe(content)}`,
        );
    }
  }

  #receiveData(data: Uint8Array): void {
    if (data.length > MAX_DATA_BYTES) {
      throw new Breach(
        `at most ${count(MAX_DATA_BYTES)} bytes in one Data`,
        `${count(data.length)} on stream ${this.id}`,
      );
    }
    if (this.#moduleBalance <= 0) {
      throw new Breach(
        `no Data on stream ${this.id} while the module's balance is 0 or below`,
        `${count(data.length)} bytes at a balance of ${count(this.#moduleBalance)}`,
      );
    }
    this.#moduleBalance -= dataCost(data.length);
    this.#data.push(data);
  }

  #receiveCredit(bytes: number): void {
    this.#granted += bytes;
    this.#hostBalance += bytes;
    if (this.#granted <= this.#sentCost) return;
    throw new Breach(
      `at most the cost of the Data that was sent on stream ${this.id}: ${count(this.#sentCost)}`,
      `grants of ${count(this.#granted)} bytes in all`,
    );
  }

  #nextOrEnd(): Uint8Array | StreamEnd | undefined {
    return this.#data.shift() ?? this.#end;
  }

  #expectKind(end: StreamEnd, what: 'close' | ErrorCode): void {
    const isSo = end.kind === 'close' ? what === 'close' : end.code === what;
    expectThat(
      isSo,
      `stream ${this.id} to end with ${what === 'close' ? 'close' : `error ${what}`}`,
      this.#endText(end),
    );
  }

  #endText(end: StreamEnd): string {
    return `${end.kind}${describe(end)}`;
  }
}
