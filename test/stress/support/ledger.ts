import { checkPayload } from '../../fixtures/stress-payload.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import { MESSAGE_TYPE } from '../../../src/wire/message-type.ts';
import { allowedEnds, type StreamPlan } from './plan.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

/** What the host knows of one stream. */
export interface LedgerEntry {
  readonly plan: StreamPlan;
  readonly id: string;
  readonly deadlineUnixMs: number;
  /** What the module may still send, in bytes. */
  credit: number;
  /** Data frames that came. */
  received: number;
  /** What the module's grants may add up to: the cost of what it was sent. */
  sentCost: number;
  granted: number;
  cancelSent: boolean;
  /** Reading time of the last frame, of the cancel, of the deadline's passing. */
  lastFrameAt: number;
  cancelAt: number | undefined;
  end: string | undefined;
}

/** A frame costs its payload, and at least 64 bytes: wire.md's minDataCost. */
const costOf = (bytes: number): number => Math.max(bytes, 64);

/** How many of the last frames a failure shows. */
const SHOWN_FRAMES = 40;

/**
 * The contract as a model, beside what the host session checks: every frame that passes is entered, each way. The first breach is
 * kept.
 */
export class StressLedger {
  readonly live = new Map<string, LedgerEntry>();
  frames = 0;
  bytes = 0;
  ended = 0;
  breach: string | undefined;
  readonly #ended = new Set<string>();
  readonly #sharesWorker: boolean;
  readonly #now: () => number;
  readonly #onEnd: (entry: LedgerEntry) => void;
  readonly #envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  readonly #frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  readonly #last: string[] = [];
  #expected: StreamPlan | undefined;

  /** @param now reading time in ms @param onEnd called with a stream whose terminal frame has come */
  constructor(sharesWorker: boolean, now: () => number, onEnd: (entry: LedgerEntry) => void) {
    this.#sharesWorker = sharesWorker;
    this.#now = now;
    this.#onEnd = onEnd;
  }

  /** The plan of the stream whose Open is written next. */
  expect(plan: StreamPlan): void {
    this.#expected = plan;
  }

  /** The last frames, oldest first. */
  get lastFrames(): string {
    return this.#last.join('\n');
  }

  fail(breach: string): void {
    this.breach ??= breach;
  }

  /** Takes one message; fits `onWire` of the host session. */
  readonly record = (direction: 'in' | 'out', message: Uint8Array): void => {
    if (this.breach !== undefined) return;
    const envelope = this.#envelope;
    envelope.decode(message, 0, message.length);
    if (direction === 'in') {
      this.frames++;
      this.bytes += message.length;
    }
    if (envelope.typeNumber !== MESSAGE_TYPE.streamFrame) return;
    const id = envelope.requestId();
    this.#frame.decode(envelope.bytes, envelope.payloadStart, envelope.payloadEnd);
    if (direction === 'out') this.#sent(id);
    else this.#received(id, message);
  };

  #sent(id: string): void {
    const frame = this.#frame;
    if (frame.arm === FRAME_ARM.open) return this.#opened(id);
    const entry = this.live.get(id);
    if (entry === undefined) return;
    if (frame.arm === FRAME_ARM.credit) entry.credit += frame.credit;
    if (frame.arm === FRAME_ARM.data) entry.sentCost += costOf(frame.dataEnd - frame.dataStart);
    if (frame.arm === FRAME_ARM.cancel) {
      entry.cancelSent = true;
      entry.cancelAt = this.#now();
    }
    this.#note('→', id, entry);
  }

  #opened(id: string): void {
    const plan = this.#expected;
    if (plan === undefined) return this.fail(`a stream without a plan: ${id}`);
    const { context, initialCredit } = this.#frame.open();
    this.#ended.delete(id);
    this.live.set(id, {
      plan,
      id,
      deadlineUnixMs: context.deadlineUnixMs,
      credit: initialCredit,
      received: 0,
      sentCost: 0,
      granted: 0,
      cancelSent: false,
      lastFrameAt: this.#now(),
      cancelAt: undefined,
      end: undefined,
    });
  }

  #received(id: string, message: Uint8Array): void {
    const entry = this.live.get(id);
    this.#note('←', id, entry);
    if (entry === undefined) {
      const known = this.#ended.has(id) ? 'a stream that has ended' : 'an id that was never opened';
      return this.fail(`arm ${this.#frame.arm} for ${known}: ${id}`);
    }
    entry.lastFrameAt = this.#now();
    switch (this.#frame.arm) {
      case FRAME_ARM.data:
        return this.#receivedData(entry);
      case FRAME_ARM.credit:
        entry.granted += this.#frame.credit;
        if (entry.granted > entry.sentCost)
          this.#failOn(entry, `granted ${entry.granted} of ${entry.sentCost}`);
        return;
      case FRAME_ARM.close:
        return this.#terminated(entry, 'close', '');
      case FRAME_ARM.error: {
        const { code, message: text } = this.#frame.error();
        return this.#terminated(entry, code, text);
      }
      default:
        this.#failOn(entry, `arm ${this.#frame.arm} in ${message.length} bytes`);
    }
  }

  #receivedData(entry: LedgerEntry): void {
    const { bytes } = this.#envelope;
    const { dataStart, dataEnd } = this.#frame;
    if (entry.credit <= 0) this.#failOn(entry, `Data at a credit of ${entry.credit}`);
    entry.credit -= costOf(dataEnd - dataStart);
    const wrong = checkPayload(bytes.subarray(dataStart, dataEnd), entry.plan.tag, entry.received);
    if (wrong !== undefined) this.#failOn(entry, wrong);
    entry.received++;
  }

  #terminated(entry: LedgerEntry, end: string, text: string): void {
    entry.end = end;
    this.live.delete(entry.id);
    this.#ended.add(entry.id);
    this.ended++;
    const { plan } = entry;
    const allowed = allowedEnds(plan, {
      cancelled: entry.cancelSent,
      pastDeadline: entry.deadlineUnixMs !== 0 && Date.now() >= entry.deadlineUnixMs,
      sharesWorker: this.#sharesWorker,
    });
    if (!allowed.includes(end)) {
      this.#failOn(entry, `it ended with ${end} (${text}), and may with ${allowed.join(' or ')}`);
    }
    // What ended by itself has sent all that it had committed; and so has a thread that ended itself.
    if (end === plan.method.ends && plan.method.isEndless !== true && entry.received !== plan.count) {
      this.#failOn(entry, `it ended with ${end} after ${entry.received} of ${plan.count} frames`);
    }
    this.#onEnd(entry);
  }

  #failOn({ plan, id }: LedgerEntry, breach: string): void {
    this.fail(`stream ${id} (${plan.method.name}, tag ${plan.tag}): ${breach}`);
  }

  #note(way: string, id: string, entry: LedgerEntry | undefined): void {
    const { arm, credit, dataStart, dataEnd } = this.#frame;
    const what = Object.entries(FRAME_ARM).find(([, number]) => number === arm)?.[0] ?? `arm ${arm}`;
    const size = arm === FRAME_ARM.data ? dataEnd - dataStart : arm === FRAME_ARM.credit ? credit : '';
    const code = arm === FRAME_ARM.error ? this.#frame.error().code : '';
    this.#last.push(
      `${way} ${id} ${entry?.plan.method.name ?? '?'} ${entry?.received ?? ''} ${what} ${size}${code}`,
    );
    if (this.#last.length > SHOWN_FRAMES) this.#last.shift();
  }
}
