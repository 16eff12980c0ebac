import type { TestContext } from 'node:test';
import { encodeEnvelope, EMPTY_PAYLOAD, EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import { encodeOpenFrame, FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { MESSAGE_TYPE } from '../../../src/wire/message-type.ts';
import { parseStreamId, type StreamId } from '../../../src/wire/stream-id.ts';
import { RawSession } from '../../support/raw-session.ts';
import type { StressChild } from '../../support/stress-child.ts';
import { residentBytes, startMemoryChild } from '../../support/stress-memory.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

/** 1 is the full size of every flood; a smaller part is for machines that others use too. */
const SCALE = Number(process.env['IXT_STRESS_SCALE'] ?? 0.1);

export function scaled(full: number): number {
  return Math.max(1, Math.round(full * SCALE));
}

/** Ids that one flood may use. */
const MAX_IDS = 1 << 22;

/** What is written before the child has to have taken it, in bytes: the flood must not fill the host instead. */
const BURST_BYTES = 8 << 20;

/** A host that keeps no rule, and what comes back: it writes raw bytes and counts. */
export class Flood {
  readonly child: StressChild;
  readonly raw: RawSession;
  /** How often each end came: `close`, or an error's code; requests' errors too, as `request CODE`. */
  readonly ends = new Map<string, number>();
  /** Numbers of the ids (of those that the flood has made) that got a second terminal frame. */
  readonly doubled: number[] = [];
  // By the number in the id and without a copy: a host that takes longer for an answer than the module would measure itself.
  readonly #ended = new Uint8Array(MAX_IDS);
  readonly #envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  readonly #frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  readonly #reused: boolean;
  #peak = 0;
  #before = 0;
  #next = 0;
  #sampler: NodeJS.Timeout | undefined;

  /** @param reused ids are used more than once, so that a second terminal frame is no fault */
  constructor(
    t: TestContext,
    flags: readonly string[],
    { reused = false, onStderr = (_: string): void => {} } = {},
  ) {
    this.#reused = reused;
    const onWire = (direction: 'in' | 'out', bytes: Uint8Array): void => {
      if (direction === 'in') this.#count(bytes);
    };
    this.child = startMemoryChild(flags, { onWire, onStderr }, 'floods');
    this.raw = new RawSession(this.child.session);
    t.after(() => {
      clearInterval(this.#sampler);
      this.child.kill();
    });
  }

  /** Waits for the module and begins to watch its memory. */
  async start(): Promise<void> {
    await this.child.session.initialize();
    this.#before = this.#peak = residentBytes(this.child.pid);
    this.#sampler = setInterval(() => this.#sample(), 20);
  }

  /** By how much the module's memory grew at its worst, in bytes. */
  get growth(): number {
    this.#sample();
    return this.#peak - this.#before;
  }

  newId(): StreamId {
    const id = parseStreamId(`f${(++this.#next).toString(16).padStart(31, '0')}`);
    if (id === undefined) throw new Error('no id');
    return id;
  }

  open(
    method: string,
    id = this.newId(),
    initialCredit?: number,
  ): { id: StreamId; open: Uint8Array; encoder: FrameEncoder } {
    return { id, open: encodeOpenFrame(id, { method }, initialCredit), encoder: new FrameEncoder(id) };
  }

  /** Writes `count` times what `next` gives, as fast as the child takes it. */
  async pour(count: number, next: (index: number) => Uint8Array): Promise<void> {
    let burst: Uint8Array[] = [];
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      const message = next(index);
      burst.push(message);
      bytes += message.length;
      if (bytes < BURST_BYTES && index < count - 1) continue;
      this.raw.sendRaw(Buffer.concat(burst));
      burst = [];
      bytes = 0;
      await this.child.written();
    }
  }

  /** The module has read everything so far, and still answers. */
  async healthy(): Promise<void> {
    await this.child.session.health();
  }

  /** Waits for that many ends of all kinds: a report of the module's health may overtake them. */
  async ended(count: number): Promise<void> {
    while ([...this.ends.values()].reduce((sum, n) => sum + n, 0) < count) await this.healthy();
  }

  /** Waits until nothing runs or waits any more, and that many ends have come. */
  async idle(ends: number): Promise<void> {
    await this.ended(ends);
    while ((await this.child.session.health()).openStreams > 0);
  }

  #count(bytes: Uint8Array): void {
    const envelope = this.#envelope;
    envelope.decode(bytes, 0, bytes.length);
    if (envelope.typeNumber === MESSAGE_TYPE.error) return this.#add('request error');
    if (envelope.typeNumber !== MESSAGE_TYPE.streamFrame) return;
    const frame = this.#frame;
    frame.decode(bytes, envelope.payloadStart, envelope.payloadEnd);
    if (frame.arm !== FRAME_ARM.close && frame.arm !== FRAME_ARM.error) return;
    const number = frame.id3;
    if (this.#ended[number] === 1 && !this.#reused) this.doubled.push(number);
    this.#ended[number] = 1;
    this.#add(frame.arm === FRAME_ARM.close ? 'close' : frame.error().code);
  }

  #add(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }

  #sample(): void {
    try {
      this.#peak = Math.max(this.#peak, residentBytes(this.child.pid));
    } catch {
      // It has ended.
    }
  }
}

/** A `response`, which only the module may send. */
export function wrongDirection(requestId: string): Uint8Array {
  return encodeEnvelope('response', requestId, EMPTY_PAYLOAD);
}
