import type { Writable } from 'node:stream';
import type { ByteSource } from '../../host/transport/byte-source.ts';
import { encodeHandleRequest, encodeServiceResponse } from '../../wire/payload-encode.ts';
import { encodeOpenFrame } from '../../wire/frame-encoder.ts';
import { encodeEnvelope } from '../../wire/envelope.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import { parseStreamId } from '../../wire/stream-id.ts';
import { HeldInput } from './held-input.ts';
import { isSameRequest } from '../recording/compare.ts';
import { Conversation } from '../recording/conversation.ts';
import { MessageReader, type Message } from '../recording/message.ts';
import { SideReader, type WireEvent } from '../recording/timeline.ts';

/** A running module, as the player needs it. */
export interface PlayedModule {
  readonly source: ByteSource;
  readonly writable: Writable;
}

/** The result of a replay. */
export interface Played {
  readonly recorded: Conversation;
  readonly replayed: Conversation;
}

/**
 * Says again what the host of a recording said, in its order, each message as soon as the module has said everything that it had
 * said before it in the recording. So what the host did in answer to the module still answers it, however fast the module is.
 *
 * A message that the module doesn't send any more would be waited for without end, so `patienceMs` limits each wait, beside the
 * time that the recording itself took there, and an exchange that let it pass is not waited for again, but once before the host
 * leaves. Nor can all be said in that order where fewer workers serve it: Data for which there is no credit yet is held until there
 * is.
 */
export class ReplayPlayer {
  readonly #module: PlayedModule;
  readonly #startedUnixMs: number;
  readonly #patienceMs: number;
  readonly #recorded = new Conversation();
  readonly #replayed = new Conversation();
  readonly #recordedReader = new MessageReader();
  readonly #replayedReader = new MessageReader();
  /** Exchanges that were waited for in vain. */
  readonly #silent = new Set<string>();
  readonly #held = new HeldInput(this.#replayed);
  /** The replayed module's id for each service request of the recording. */
  readonly #serviceIds = new Map<string, string>();
  readonly #answered = new Set<string>();
  #wake: () => void = () => undefined;
  #isGone = false;

  /** @param startedUnixMs of the recording: deadlines are as far away again as they were then */
  constructor(module: PlayedModule, startedUnixMs: number, patienceMs: number) {
    this.#module = module;
    this.#startedUnixMs = startedUnixMs;
    this.#patienceMs = patienceMs;
  }

  /** Plays to the end of the host's side. The module may still be running then; {@link ReplayPlayer.result} is for when it isn't. */
  async play(events: readonly WireEvent[]): Promise<void> {
    this.#listen();
    let last = 0;
    for (const event of events) {
      const patience = this.#patienceMs + 2 * (event.at - last);
      last = event.at;
      if (event.kind === 'exit') continue;
      if (event.from === 'module') {
        if (event.kind === 'message') await this.#await(event.message, patience);
        else if (event.kind === 'broken')
          this.#recorded.moduleSaid(unreadable(event.why, event.bytes.length));
      } else if (event.kind === 'end') {
        await this.#catchUp();
        this.#recorded.hostLeft();
        this.#replayed.hostLeft();
        this.#module.writable.end();
      } else if (event.kind === 'broken') {
        await this.#write(event.bytes);
      } else {
        await this.#say(event.message, event.at, patience);
      }
    }
    await this.#catchUp();
  }

  /** All messages of both sides, once the module has exited, including service requests that the recording has no answer for. */
  result(): Played {
    return { recorded: this.#recorded, replayed: this.#replayed };
  }

  #listen(): void {
    const events: WireEvent[] = [];
    const reader = new SideReader('module', events);
    this.#module.source.listen((bytes) => {
      reader.push(bytes.slice(), 0);
      for (const event of events.splice(0)) {
        if (event.kind === 'message') {
          this.#replayed.moduleSaid(this.#replayedReader.read('module', event.message));
        } else if (event.kind === 'broken') {
          this.#replayed.moduleSaid(unreadable(event.why, event.bytes.length));
        }
      }
      this.#held.release(({ message, bytes: held }) => {
        this.#replayed.hostSaid(message);
        this.#module.writable.write(held);
      });
      this.#wake();
    });
    void this.#module.source.closed.then(() => {
      this.#isGone = true;
      this.#wake();
    });
    // EPIPE says that the module is gone; its exit says it better.
    this.#module.writable.on('error', () => undefined);
  }

  /** Waits until the module has said as much as in the recording. */
  async #await(bytes: Uint8Array, patience: number): Promise<void> {
    const message = this.#recordedReader.read('module', bytes);
    const exchange = this.#recorded.moduleSaid(message);
    if (exchange === undefined) return this.#awaitService(message, patience);
    if (message.content.kind === 'credit' || message.content.kind === 'progress') return;
    const { key } = exchange;
    const goal = exchange.said.length;
    const isThere = (): boolean => {
      const other = this.#replayed.exchanges.get(key);
      return other !== undefined && (other.said.length >= goal || other.isOver);
    };
    if (isThere() || this.#silent.has(key)) return;
    if (!(await this.#until(isThere, patience))) this.#silent.add(key);
  }

  async #awaitService(message: Message, patience: number): Promise<void> {
    const request = this.#recorded.serviceRequests.at(-1);
    if (request === undefined) return;
    const find = () =>
      this.#replayed.serviceRequests.find(
        (other) => !this.#answered.has(other.id) && isSameRequest(request, other),
      );
    const { service, method } = request;
    const findSimilar = () =>
      this.#replayed.serviceRequests.find(
        (other) => !this.#answered.has(other.id) && other.service === service && other.method === method,
      );
    // Once one was waited for in vain, the handler behind it has changed, and so may be what follows.
    const silence = `service ${service} ${method}`;
    if (find() === undefined && !this.#silent.has(silence)) {
      const found = await this.#until(() => find() !== undefined, patience);
      if (!found) this.#silent.add(silence);
    }
    const match = find() ?? findSimilar();
    if (match === undefined) return;
    this.#answered.add(match.id);
    this.#serviceIds.set(message.id, match.id);
  }

  async #say(bytes: Uint8Array, at: number, patience: number): Promise<void> {
    const message = this.#recordedReader.read('host', bytes);
    // A host that sent without credit did so to see what happens.
    const hadCredit = (this.#recorded.liveStream(message.id)?.credit ?? 0) > 0;
    const was = this.#recorded.hostSaid(message);
    const now = this.#adapted(message, bytes, at);
    // It answers what the module has not asked this time.
    if (now === undefined) return;
    const read = this.#replayedReader.read('host', now);
    const { kind } = message.content;
    if (was !== undefined && this.#held.has(was.key)) {
      if (kind !== 'cancel' && kind !== 'error')
        return this.#held.hold(was.key, { message: read, bytes: now });
      this.#held.drop(was.key);
    }
    if (was !== undefined && kind === 'data' && hadCredit) {
      const isFree = (): boolean => {
        const stream = this.#replayed.exchanges.get(was.key);
        return stream === undefined || stream.isOver || stream.credit > 0;
      };
      if (!isFree() && (this.#silent.has(was.key) || !(await this.#until(isFree, patience)))) {
        this.#silent.add(was.key);
        return this.#held.hold(was.key, { message: read, bytes: now });
      }
    }
    this.#replayed.hostSaid(read);
    await this.#write(now);
  }

  /** The host is about to leave: what was over by now in the recording has a last time to be. */
  async #catchUp(): Promise<void> {
    const isOver = (key: string): boolean =>
      this.#recorded.exchanges.get(key)?.isOver !== true ||
      this.#replayed.exchanges.get(key)?.isOver === true;
    await this.#until(() => this.#held.isEmpty && [...this.#silent].every(isOver), this.#patienceMs);
  }

  /** The message with what can't be as it was then: the time of a deadline, the id of a service request. */
  #adapted({ id, content }: Message, bytes: Uint8Array, at: number): Uint8Array | undefined {
    switch (content.kind) {
      case 'open': {
        const stream = parseStreamId(id);
        if (content.context.deadlineUnixMs === 0 || stream === undefined) return bytes;
        return encodeOpenFrame(stream, this.#shifted(content.context, at), content.initialCredit);
      }
      case 'handle': {
        if (content.context.deadlineUnixMs === 0) return bytes;
        const context = this.#shifted(content.context, at);
        return encodeEnvelope('handle', id, encodeHandleRequest({ context, body: content.body }));
      }
      case 'serviceResponse': {
        const now = this.#serviceIds.get(id);
        if (now === undefined) return undefined;
        return encodeEnvelope('serviceResponse', now, encodeServiceResponse(content));
      }
      case 'error': {
        if (!this.#recorded.serviceRequests.some((request) => request.id === id)) return bytes;
        const now = this.#serviceIds.get(id);
        return now === undefined ? undefined : encodeEnvelope('error', now, encodeIpcError(content));
      }
      default:
        return bytes;
    }
  }

  #shifted<T extends { readonly deadlineUnixMs: number }>(context: T, at: number): T {
    const left = context.deadlineUnixMs - (this.#startedUnixMs + at);
    // A deadline of 0 would be none.
    return { ...context, deadlineUnixMs: Math.max(1, Math.ceil(Date.now() + left)) };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { writable } = this.#module;
    if (!writable.writable || writable.write(bytes)) return;
    let isDrained = false;
    writable.once('drain', () => {
      isDrained = true;
      this.#wake();
    });
    await this.#until(() => isDrained, this.#patienceMs);
  }

  /** Waits for `condition`, which is asked again whenever the module has said something; false: it didn't come. */
  async #until(condition: () => boolean, patience: number): Promise<boolean> {
    const end = performance.now() + patience;
    while (!condition()) {
      const left = end - performance.now();
      if (this.#isGone || left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }
}

/** Bytes that are no message count as something that the module said to nobody. */
function unreadable(why: string, bytes: number): Message {
  return { isFrame: false, id: '', bytes, content: { kind: 'unreadable', why } };
}
