import { setTimeout as sleep } from 'node:timers/promises';

/** What a contestant of the end-to-end scopes can do. Each stands for one child process, started and warm. */
export interface Peer {
  readonly name: string;
  /** The child's process id. */
  readonly pid: number;
  /** Of a server in between, where there is one. */
  readonly serverPid?: number;
  /** Sends as fast as flow control lets it, on all streams at once, and reads everything back. */
  echo?(streams: number, payloadBytes: number, seconds: number): Promise<Transfer>;
  /** Sends as fast as flow control lets it; the child only counts. */
  sink?(streams: number, payloadBytes: number, seconds: number): Promise<Transfer>;
  /** The child sends `frames` on each of the streams as fast as flow control lets it; they are read and counted here. */
  source?(streams: number, payloadBytes: number, frames: number): Promise<Transfer>;
  /** Opens streams that end at once, `concurrent` of them at any time. */
  open?(concurrent: number, seconds: number): Promise<Transfer>;
  /** One frame there and back, on a stream that stays open until `close`. */
  ping?(payloadBytes: number): Promise<void>;
  /** Frames at a steady rate on one stream, whether or not the earlier ones are back: milliseconds since each was due. */
  paced?(payloadBytes: number, perSecond: number, seconds: number): Promise<number[]>;
  /** Opens streams and leaves them open, each after one echoed frame. @returns what ends them */
  hold?(streams: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** `frames` (or streams) in `seconds`, until the last one was answered. */
export interface Transfer {
  readonly frames: number;
  readonly seconds: number;
}

/** A flag that flips after some time, cheap enough to be looked at for every frame. */
export class Deadline {
  isOver = false;
  readonly start = performance.now();

  constructor(seconds: number) {
    setTimeout(() => (this.isOver = true), seconds * 1000);
  }

  /** What was done since the start. */
  transfer(frames: number): Transfer {
    return { frames, seconds: (performance.now() - this.start) / 1000 };
  }
}

/** @throws Error unless everything that was sent has come back */
export function checkAll(who: string, sent: number, received: number): void {
  if (sent !== received) throw new Error(`${who} lost data: ${sent} sent, ${received} received.`);
}

/**
 * Calls `send` at a steady rate, a few at once where a timer comes late.
 *
 * @param send gets the time at which the frame was due, so that what waits to be sent counts as latency; false: not now
 */
export async function atRate(
  perSecond: number,
  seconds: number,
  send: (due: number) => boolean,
): Promise<number> {
  const start = performance.now();
  const total = Math.round(perSecond * seconds);
  let sent = 0;
  while (sent < total) {
    const isDue = (performance.now() - start) * (perSecond / 1000);
    while (sent < isDue && sent < total && send(start + (sent * 1000) / perSecond)) sent++;
    await sleep(1);
  }
  return sent;
}

/** Opens `count` of something, a few hundred at a time: grpc-js stops for good when thousands are opened at once. */
export async function inWaves<T>(count: number, open: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) {
    const wave = Math.min(WAVE, count - all.length);
    all.push(...(await Promise.all(Array.from({ length: wave }, open))));
  }
  return all;
}

const WAVE = 250;
