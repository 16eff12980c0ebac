import { isModuleError, type ErrorCode } from '../../errors.ts';
import type { HostStream, ModuleHost } from '../../host/index.ts';
import type { CallView, OpenRequest } from '../../live/page.ts';
import { dataCost } from '../../wire/flow-limits.ts';
import { CallOutput } from './call-output.ts';

/** An input of many bytes goes out in frames of that size, in bytes. */
const FRAME_BYTES = 64 << 10;

/** One call of the page: `count` streams or requests with the same input. The first one's output is kept, and can be talked to. */
export class Call {
  readonly output = new CallOutput();
  readonly #id: number;
  readonly request: OpenRequest;
  readonly #onChange: () => void;
  readonly #started = performance.now();
  readonly #startedUnixMs = Date.now();
  readonly #streams: HostStream[] = [];
  readonly #ended: Partial<Record<'close' | ErrorCode, number>> = {};
  #live: number;
  #ms: number | undefined;
  #frames = 0;
  #bytes = 0;
  #inputBytes = 0;
  #credit: number;
  #inputEnded = false;
  #progress = '';
  #error: CallView['error'];
  #isAbandoned = false;

  /** Opens it at once. @param onChange called at each change, which may be for every frame */
  constructor(id: number, module: ModuleHost, request: OpenRequest, onChange: () => void) {
    this.#id = id;
    this.request = request;
    this.#onChange = onChange;
    this.#live = request.count;
    this.#credit = request.initialCredit;
    const frames = framesOf(request);
    const deadline = request.deadlineMs === 0 ? {} : { deadline: Date.now() + request.deadlineMs };
    for (let at = 0; at < request.count; at++) {
      const isFirst = at === 0;
      if (request.kind === 'handle') {
        this.#settle(this.#ask(module, Buffer.concat(frames), deadline, isFirst));
      } else {
        const { initialCredit } = request;
        const onProgress = (value: Uint8Array): void => this.#onProgress(value);
        const told = isFirst ? { onProgress } : {};
        const options = { initialCredit, autoCredit: false, ...deadline, ...told };
        const stream = module.openStream(request.method, options);
        this.#streams.push(stream);
        for (const frame of frames) this.#send(stream, frame);
        if (request.ends) stream.end();
        this.#settle(this.#read(stream, isFirst));
      }
    }
    this.#inputEnded = request.ends || request.kind === 'handle';
    this.#inputBytes = frames.reduce((sum, { length }) => sum + length, 0);
  }

  get isLive(): boolean {
    return this.#live > 0;
  }

  get view(): CallView {
    const { input: _input, ...request } = this.request;
    return {
      id: this.#id,
      request,
      inputBytes: this.#inputBytes,
      streamId: this.#streams[0]?.id ?? '',
      startedUnixMs: this.#startedUnixMs,
      ms: this.#ms,
      live: this.#live,
      ended: { ...this.#ended },
      frames: this.#frames,
      bytes: this.#bytes,
      keptFrames: this.output.frames,
      isCut: this.output.isCut,
      credit: this.#credit,
      inputEnded: this.#inputEnded,
      progress: this.#progress,
      error: this.#error,
    };
  }

  /** Sends further input on all its streams. */
  send(bytes: Uint8Array): void {
    if (this.#inputEnded) return;
    this.#inputBytes += bytes.length;
    for (const frame of framesOfBytes(bytes)) for (const stream of this.#streams) this.#send(stream, frame);
    this.#onChange();
  }

  end(): void {
    this.#inputEnded = true;
    for (const stream of this.#streams) stream.end();
    this.#onChange();
  }

  cancel(): void {
    for (const stream of this.#streams) stream.cancel('cancelled on the page');
  }

  /** Lets the module send so many bytes more, on each stream. */
  grant(bytes: number): void {
    if (!this.isLive) return;
    for (const stream of this.#streams) stream.grant(bytes);
    this.#credit += bytes;
    this.#onChange();
  }

  /** Its module is gone, or is about to go. What still runs ends here with `unavailable`. @param why for a person */
  abandon(why: string): void {
    for (const stream of this.#streams) stream.cancel(why);
    while (this.#live > 0) this.#end('unavailable', why);
    this.#isAbandoned = true;
  }

  async #ask(
    module: ModuleHost,
    body: Uint8Array,
    deadline: { deadline?: number },
    isFirst: boolean,
  ): Promise<void> {
    const answer = await module.request(this.request.method, body, deadline);
    this.#take(answer, isFirst);
  }

  async #read(stream: HostStream, isFirst: boolean): Promise<void> {
    // Credit is granted here, and not by the stream, so that the page can show it.
    const window = this.request.initialCredit;
    let taken = 0;
    for await (const data of stream) {
      const cost = dataCost(data.length);
      if (isFirst) this.#credit -= cost;
      this.#take(data, isFirst);
      taken += cost;
      if (!this.request.grants || taken < window / 2) continue;
      stream.grant(taken);
      if (isFirst) this.#credit += taken;
      taken = 0;
    }
  }

  #onProgress(value: Uint8Array): void {
    this.#progress = Buffer.from(value).toString();
    this.#onChange();
  }

  #take(data: Uint8Array, isFirst: boolean): void {
    this.#frames++;
    this.#bytes += data.length;
    if (isFirst) this.output.add(data, performance.now() - this.#started);
    this.#onChange();
  }

  /** A send that fails does so with its stream, whose end says why. */
  #send(stream: HostStream, frame: Uint8Array): void {
    stream.send(frame).catch(() => undefined);
  }

  #settle(outcome: Promise<void>): void {
    void outcome.then(
      () => this.#end('close', undefined),
      (error: unknown) => {
        const code = isModuleError(error) ? error.code : 'internal';
        this.#end(code, error instanceof Error ? error.message : String(error));
      },
    );
  }

  #end(code: 'close' | ErrorCode, message: string | undefined): void {
    if (this.#isAbandoned) return;
    this.#live--;
    this.#ended[code] = (this.#ended[code] ?? 0) + 1;
    if (code !== 'close' && message !== undefined) this.#error ??= { code, message };
    if (this.#live === 0) this.#ms = performance.now() - this.#started;
    this.#onChange();
  }
}

/** The input of an open as frames: each line of it one, or pieces of a fixed size. */
function framesOf({ input, lines }: OpenRequest): Uint8Array[] {
  const bytes = Buffer.from(input, 'base64');
  if (!lines) return framesOfBytes(bytes);
  const text = bytes.toString();
  return text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => Buffer.from(line));
}

function framesOfBytes(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) frames.push(bytes.subarray(at, at + FRAME_BYTES));
  return frames;
}
