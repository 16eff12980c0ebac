import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ErrorCode } from '../../errors.ts';
import { StderrTail } from '../../host/transport/stderr-tail.ts';
import { Framer } from '../../wire/capnp/framer.ts';
import { DEFAULT_WIRE_LIMITS } from '../../wire/capnp/limits.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../wire/envelope.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import { INITIAL_CREDIT } from '../../wire/flow-limits.ts';
import type { MessageType } from '../../wire/message-type.ts';
import { decodeInitialized, type HealthReport, type Initialized } from '../../wire/payload-decode.ts';
import { encodeInitialize, encodeServiceResponse } from '../../wire/payload-encode.ts';
import { streamIdFromWords, type StreamId } from '../../wire/stream-id.ts';
import { MessageReader, type Content, type Message } from '../recording/message.ts';
import { describe } from '../recording/render.ts';
import { Breach, expectThat } from './breach.ts';
import { ChildStream, type OpenOptions } from './child-stream.ts';
import { Transcript } from './transcript.ts';
import { Waits } from './waits.ts';

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A request of the module to its host. */
export type ServiceAsk = Extract<Content, { kind: 'serviceRequest' }> & { readonly id: string };

/** The answer to a request; its kind is that of the request, or `error`. */
export type Answer = Exclude<Content, { kind: 'unreadable' }>;

/** After these exit codes no terminal frames are owed. */
const OWES_NO_ENDS: ReadonlySet<number | null | undefined> = new Set([70, 74, 76]);

/**
 * A module child under test, and a host that writes whatever a case says. No session of ours is between: it would hide a breach, or
 * refuse to cause one.
 *
 * All that comes is held against what always holds, by {@link ChildStream} and here; the first breach fails every wait.
 */
export class ModuleChild {
  readonly transcript = new Transcript();
  readonly #process: ChildProcess;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #stderr: StderrTail;
  readonly #reader = new MessageReader();
  readonly #streams = new Map<string, ChildStream>();
  /** For each requestId: how many answers were earned, and those that came. */
  readonly #answers = new Map<string, { earned: number; readonly came: Answer[] }>();
  readonly #serviceAsks: ServiceAsk[] = [];
  readonly #openServiceIds = new Set<string>();
  readonly #waits = new Waits();
  #exit: ChildExit | undefined;
  #lastError: Extract<Content, { kind: 'error' }> | undefined;
  #info: Initialized | undefined;
  #nextId = 0;

  constructor(command: readonly [string, ...string[]]) {
    const [program, ...args] = command;
    // A group of its own: what the command has started ends with it.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#process = child;
    this.#stdin = child.stdin;
    this.#stdout = child.stdout;
    this.#stderr = new StderrTail(child.stderr);
    // A module that is gone reads nothing more; its exit says so.
    child.stdin.on('error', () => undefined);
    child.stdout.on('error', () => undefined);
    const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) =>
      this.#receive(bytes.slice(start, end)),
    );
    child.stdout.on('data', (chunk: Uint8Array) => this.#push(framer, chunk));
    child.stdout.on('end', () => {
      this.transcript.end('module');
      if (framer.pendingBytes === 0) return;
      this.fail(new Breach('whole messages only', `an end ${framer.pendingBytes} bytes into a message`));
    });
    child.on('error', (error) => {
      if (child.pid === undefined)
        this.fail(new Breach('a module child', `it can't be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      this.#exit = { code, signal };
      this.transcript.exit(code, signal);
      this.#waits.end(code === null ? `was ended by ${signal}` : `ended with exit code ${code}`);
    });
  }

  /** The end of what it wrote to standard error. */
  get stderr(): string {
    return this.#stderr.text();
  }

  /** Whether it can serve another case. */
  get isSound(): boolean {
    return this.#waits.breach === undefined && this.#exit === undefined;
  }

  get isInitialized(): boolean {
    return this.#info !== undefined;
  }

  /** The module's description of itself; all defaults before {@link initialize}. */
  get info(): Initialized {
    return this.#info ?? decodeInitialized(EMPTY_PAYLOAD);
  }

  /** Bytes that the module takes on a new stream. */
  get window(): number {
    return Math.max(this.info.initialCredit, INITIAL_CREDIT);
  }

  // What a case says.

  /** Sends one whole message. */
  send(message: Uint8Array): void {
    this.says(message);
    this.#stdin.write(message);
  }

  /** Notes a message whose bytes the case writes itself. */
  says(message: Uint8Array): void {
    this.transcript.message('host', message);
    this.#reader.read('host', message);
  }

  /** Writes bytes that are no message. */
  write(bytes: Uint8Array, why: string): void {
    this.transcript.bytes('host', bytes, why);
    this.#stdin.write(bytes);
  }

  /** Writes pieces of messages, each by a write of its own, once the system has taken the one before. */
  async writePieces(pieces: Iterable<Uint8Array>): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => {
        this.#stdin.write(piece, () => setImmediate(resolve));
      });
    }
  }

  endInput(): void {
    this.transcript.end('host');
    this.#stdin.end();
  }

  /** Reads nothing more, so that the module finds its output closed. */
  closeOutput(): void {
    this.#stdout.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  open(method: string, options: OpenOptions = {}): ChildStream {
    return this.stream().open({ method, ...options });
  }

  /** A stream whose Open is not sent yet; under an id that has ended, if one is given. */
  stream(id: StreamId = this.#streamId()): ChildStream {
    const stream = new ChildStream(this, id, this.window);
    this.#streams.set(id, stream);
    return stream;
  }

  requestId(): string {
    return `request ${++this.#nextId}`;
  }

  /** Sends a request and waits for its answer. */
  request(
    type: MessageType,
    payload: Uint8Array = EMPTY_PAYLOAD,
    requestId: string = this.requestId(),
  ): Promise<Answer> {
    const answer = this.answer(requestId);
    this.send(encodeEnvelope(type, requestId, payload));
    return answer;
  }

  /** Waits for one more answer under `requestId`. Called before the request is sent. */
  answer(requestId: string, withinMs?: number): Promise<Answer> {
    const answers = this.#answers.get(requestId) ?? { earned: 0, came: [] };
    this.#answers.set(requestId, answers);
    const index = answers.earned++;
    return this.until(`an answer to '${requestId}'`, () => answers.came[index], withinMs);
  }

  /** Sends a message and waits for the error that answers it. @returns the error's message */
  async refusal(code: ErrorCode, requestId: string, message: Uint8Array): Promise<string> {
    const answer = this.answer(requestId);
    this.send(message);
    return expectError(await answer, code);
  }

  async initialize(): Promise<Initialized> {
    const answer = await this.request('initialize', encodeInitialize({ runtimeName: 'ixt-module conform' }));
    return (this.#info = expectKind(answer, 'initialized'));
  }

  async health(withinMs?: number): Promise<HealthReport> {
    const requestId = this.requestId();
    const answer = this.answer(requestId, withinMs);
    this.send(encodeEnvelope('health', requestId, EMPTY_PAYLOAD));
    return expectKind(await answer, 'healthReport');
  }

  /** The next thing that the module asks of its host. */
  async serviceRequest(): Promise<ServiceAsk> {
    return this.until('a serviceRequest', () => this.#serviceAsks.shift());
  }

  answerService({ id }: ServiceAsk, body: Uint8Array): void {
    this.#openServiceIds.delete(id);
    this.send(encodeEnvelope('serviceResponse', id, encodeServiceResponse({ body })));
  }

  failService({ id }: ServiceAsk, code: ErrorCode, message: string): void {
    this.#openServiceIds.delete(id);
    this.send(encodeEnvelope('error', id, encodeIpcError({ code, message })));
  }

  // What a case waits for.

  /**
   * Waits until `look` finds something.
   *
   * @param expected what is waited for, for the report
   * @throws Breach from the promise: nothing came in time, the module has ended, or it broke the contract in another way
   */
  until<T>(expected: string, look: () => T | undefined, withinMs?: number): Promise<T> {
    return this.#waits.until(expected, look, withinMs);
  }

  /** Waits until the process has ended and its output is read. */
  async ends(code: number): Promise<void> {
    const exit = await this.until(`exit code ${code}`, () => this.#exit);
    const how = exit.code === null ? `an end by ${exit.signal}` : `exit code ${exit.code}`;
    expectThat(exit.code === code, `exit code ${code}`, how);
  }

  /** The error that ends a connection: the last message, with no requestId. */
  async lastError(code: ErrorCode): Promise<void> {
    expectError(await this.until(`error ${code} with an empty requestId`, () => this.#lastError), code);
  }

  /** The contract is broken, whatever the case was about. */
  fail(breach: Breach): void {
    this.#waits.fail(breach);
  }

  /** The case has had its time. */
  timeOut(ms: number): void {
    this.#waits.isLate(ms);
  }

  /**
   * Closes a case: whatever is under way has come after this, and each stream that the case opened must have ended.
   *
   * @throws Breach
   */
  async settle(): Promise<void> {
    if (this.#exit === undefined) await this.health();
    for (const stream of this.#streams.values()) {
      if (!stream.isOpen || OWES_NO_ENDS.has(this.#exit?.code)) continue;
      expectThat(
        stream.ended !== undefined,
        `one terminal frame on stream ${stream.id}`,
        'none when all was said',
      );
    }
    if (this.#waits.breach !== undefined) throw this.#waits.breach;
    expectThat(
      this.#exit !== undefined || this.#lastError === undefined,
      'no error without a requestId',
      'one, and a module that goes on',
    );
  }

  kill(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The whole group has ended.
    }
    this.#stdin.destroy();
    this.#stdout.destroy();
    this.#stderr.destroy();
  }

  #streamId(): StreamId {
    return streamIdFromWords(0x636f_6e66, process.pid, 0, ++this.#nextId);
  }

  #push(framer: Framer, chunk: Uint8Array): void {
    if (this.#waits.breach !== undefined) return;
    try {
      framer.push(chunk);
    } catch (error) {
      if (error instanceof Breach) this.fail(error);
      else if (error instanceof MalformedError) {
        this.transcript.bytes('module', chunk, error.message);
        this.fail(new Breach('whole messages, and nothing else on standard output', error.message));
      } else throw error;
    }
    this.#waits.look();
  }

  /** @throws Breach */
  #receive(bytes: Uint8Array): void {
    this.transcript.message('module', bytes);
    const message = this.#reader.read('module', bytes);
    const { content, id, isFrame } = message;
    if (content.kind === 'unreadable') throw new Breach('a message that can be read', content.why);
    if (isFrame) return this.#receiveFrame(message);
    if (content.kind === 'serviceRequest') {
      expectThat(
        id !== '' && !this.#openServiceIds.has(id),
        'a requestId for each serviceRequest',
        `'${id}'${id === '' ? '' : ', which another one has that is not answered'}`,
      );
      this.#openServiceIds.add(id);
      this.#serviceAsks.push({ ...content, id });
    } else if (content.kind === 'error' && id === '') {
      this.#lastError = content;
    } else {
      this.#receiveAnswer(id, content);
    }
  }

  #receiveAnswer(id: string, content: Answer): void {
    const answers = this.#answers.get(id);
    if (answers === undefined || answers.came.length === answers.earned) {
      throw new Breach(
        'one answer to each request, under its requestId',
        `${content.kind}${describe(content)} under '${id}'${answers === undefined ? ', which no request has' : ', once too often'}`,
      );
    }
    answers.came.push(content);
  }

  #receiveFrame({ id, content }: Message): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream.receive(content);
    throw new Breach('frames of streams that were opened', `${content.kind}${describe(content)} for ${id}`);
  }
}

/** @throws Breach for an answer of another kind */
export function expectKind<K extends Answer['kind']>(answer: Answer, kind: K): Extract<Answer, { kind: K }> {
  if (isOfKind(answer, kind)) return answer;
  throw new Breach(`an answer of kind ${kind}`, `${answer.kind}${describe(answer)}`);
}

function isOfKind<K extends Answer['kind']>(answer: Answer, kind: K): answer is Extract<Answer, { kind: K }> {
  return answer.kind === kind;
}

/** @returns the error's message @throws Breach for another answer, or another code */
export function expectError(answer: Answer, code: ErrorCode): string {
  const error = expectKind(answer, 'error');
  expectThat(error.code === code, `error ${code}`, `error ${error.code}: ${error.message}`);
  return error.message;
}
