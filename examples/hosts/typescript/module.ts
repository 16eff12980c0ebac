import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { Message, type Struct } from 'capnp-es';
// In a project of your own: 'ixt-sdk/schema/ipc' and 'ixt-sdk/schema/ipc_streaming'.
import * as ipc from '../../../schema/generated/ipc.ts';
import { StreamFrame } from '../../../schema/generated/ipc_streaming.ts';
import { messagesOf } from './messages.ts';
import { INITIAL_CREDIT, ModuleError, Stream, type SendFrame } from './stream.ts';

const Type = ipc.IpcEnvelope_MessageType;
type Type = ipc.IpcEnvelope_MessageType;
type StructType<T extends Struct> = Parameters<typeof Message.prototype.getRoot<T>>[0];

/** What the caller of a method says beside its input. */
export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long the call may take, in ms. */
  readonly deadlineMs?: number;
}

/** Answers what a handler asks. A ModuleError that it throws reaches the handler. */
export type Service = (service: string, method: string, body: Uint8Array) => Uint8Array;

interface Pending {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: ModuleError) => void;
}

/** A module child: its process, its requests, and its streams by their ids. */
export class Module {
  readonly #child: ChildProcess;
  readonly #service: Service;
  readonly #exit: Promise<number>;
  readonly #requests = new Map<string, Pending>();
  readonly #streams = new Map<string, Stream>();
  #over: ModuleError | undefined;
  #window = INITIAL_CREDIT;
  #lastId = 0n;

  /** Starts `command`, with the protocol on its standard input and output. */
  constructor([program = '', ...args]: readonly string[], service: Service) {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#service = service;
    // A module that is gone shows by the end of its output.
    child.stdin.on('error', () => undefined);
    this.#exit = once(child, 'close').then(([code]) => Number(code ?? -1));
    void this.#readAll(child.stdout);
  }

  /** Optional, and first. @returns the module's name */
  async initialize(): Promise<string> {
    const init = encode(ipc.Initialize, (root) => (root.runtimeName = 'a host in TypeScript'));
    const told = decode(await this.#request(Type.INITIALIZE, init), ipc.Initialized);
    if (told.initialCredit !== 0) this.#window = told.initialCredit;
    return told.moduleName;
  }

  /** One unary request. */
  async handle(method: string, body: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    const request = encode(ipc.HandleRequest, (root) => {
      fillContext(root._initContext(), method, options);
      root._initBody(body.length).copyBuffer(body);
    });
    return bytesOf(decode(await this.#request(Type.HANDLE, request), ipc.HandleResponse).body);
  }

  open(method: string, options: CallOptions = {}): Stream {
    if (this.#over !== undefined) throw this.#over;
    const lo = ++this.#lastId;
    // This host uses the lower half of the 128 bits of an id.
    const id = lo.toString(16).padStart(32, '0');
    const sendFrame: SendFrame = (fill) => {
      const frame = encode(StreamFrame, (root) => {
        root.streamId.lo = lo;
        fill(root);
      });
      this.#write(Type.STREAM_FRAME, id, frame);
    };
    const stream = new Stream(sendFrame, this.#window);
    this.#streams.set(id, stream);
    sendFrame((frame) => fillContext(frame._initOpen()._initContext(), method, options));
    return stream;
  }

  /** Lets what runs end, within that time. @returns the exit code */
  async shutdown(drainMs: number): Promise<number> {
    await this.#request(
      Type.SHUTDOWN,
      encode(ipc.Shutdown, (root) => (root.drainMs = drainMs)),
    );
    return this.#exit;
  }

  #request(type: Type, payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      const requestId = `request-${++this.#lastId}`;
      this.#requests.set(requestId, { resolve, reject });
      this.#write(type, requestId, payload);
    });
  }

  #write(type: Type, requestId: string, payload: Uint8Array): void {
    const message = encode(ipc.IpcEnvelope, (envelope) => {
      envelope.messageType = type;
      envelope.requestId = requestId;
      envelope._initPayload(payload.length).copyBuffer(payload);
    });
    if (this.#child.stdin?.writable === true) this.#child.stdin.write(message);
  }

  async #readAll(stdout: Readable): Promise<void> {
    let end = new ModuleError(ipc.ErrorCode.UNAVAILABLE, 'the module has ended');
    try {
      for await (const message of messagesOf(stdout)) this.#dispatch(decode(message, ipc.IpcEnvelope));
    } catch (error) {
      end = new ModuleError(ipc.ErrorCode.PROTOCOL_VIOLATION, String(error));
      this.#child.kill('SIGKILL');
    }
    this.#over = end;
    for (const { reject } of this.#requests.values()) reject(end);
    for (const stream of this.#streams.values()) stream.fail(end);
  }

  /** What is of no stream and no request is left alone: a late answer, or a type of a newer schema. */
  #dispatch({ messageType, requestId, payload }: ipc.IpcEnvelope): void {
    const bytes = bytesOf(payload);
    if (messageType === Type.STREAM_FRAME) {
      const hasEnded = this.#streams.get(requestId)?.receive(decode(bytes, StreamFrame));
      if (hasEnded === true) this.#streams.delete(requestId);
    } else if (messageType === Type.SERVICE_REQUEST) {
      this.#serve(requestId, decode(bytes, ipc.ServiceRequest));
    } else {
      const pending = this.#requests.get(requestId);
      this.#requests.delete(requestId);
      if (messageType === Type.RESPONSE) pending?.resolve(bytes);
      if (messageType === Type.ERROR) pending?.reject(ModuleError.from(decode(bytes, ipc.IpcError)));
    }
  }

  #serve(requestId: string, { service, method, body }: ipc.ServiceRequest): void {
    try {
      const answer = this.#service(service, method, bytesOf(body));
      const response = encode(ipc.ServiceResponse, (root) =>
        root._initBody(answer.length).copyBuffer(answer),
      );
      this.#write(Type.SERVICE_RESPONSE, requestId, response);
    } catch (error) {
      const failure = encode(ipc.IpcError, (root) => {
        root.code = error instanceof ModuleError ? error.code : ipc.ErrorCode.INTERNAL;
        root.message = String(error instanceof Error ? error.message : error);
      });
      this.#write(Type.ERROR, requestId, failure);
    }
  }
}

function fillContext(context: ipc.InvocationContext, method: string, options: CallOptions): void {
  const { metadata = {}, deadlineMs } = options;
  context.method = method;
  if (deadlineMs !== undefined) context.deadlineUnixMs = BigInt(Date.now() + deadlineMs);
  const pairs = Object.entries(metadata);
  const entries = context._initMetadata(pairs.length);
  for (const [index, [key, value]] of pairs.entries()) {
    entries.get(index).key = key;
    entries.get(index).value = value;
  }
}

function encode<T extends Struct>(type: StructType<T>, fill: (root: T) => void): Uint8Array {
  const message = new Message();
  fill(message.initRoot(type));
  return new Uint8Array(message.toArrayBuffer());
}

/** The root of a message; an empty payload stands for all defaults. */
function decode<T extends Struct>(bytes: Uint8Array, type: StructType<T>): T {
  return bytes.length === 0 ? new Message().initRoot(type) : new Message(bytes, false).getRoot(type);
}

/** A copy of a Data, whose message is gone afterwards. */
function bytesOf(data: { toUint8Array(): Uint8Array }): Uint8Array {
  return data.toUint8Array().slice();
}
