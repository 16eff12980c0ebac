import { ModuleError, type ErrorCode } from '../../../src/errors.ts';
import type { Services, StreamLog } from '../../../src/handle/server-stream.ts';
import { StreamHandle } from '../../../src/handle/stream-handle.ts';
import { MemoryStreamIo } from '../../../src/testing/memory-stream-io.ts';
import { EMPTY_CONTEXT, type InvocationContextInit } from '../../../src/wire/context.ts';

/** The kit's way out, and what was sent in short. */
export class FakeStreamIo extends MemoryStreamIo {
  /** Numbers that were sent one byte each. */
  get sentBytes(): number[] {
    return this.sent.map((payload) => payload[0] ?? -1);
  }

  /** Warnings in the handler's log. */
  readonly warnings: string[] = [];

  override log(): StreamLog {
    return { ...LOG, warn: (message) => void this.warnings.push(message) };
  }
}

const noLog = (): void => {};
const LOG: StreamLog = { debug: noLog, info: noLog, warn: noLog, error: noLog };

/** Nobody answers. */
const SERVICES: Services = {
  request: () => Promise.reject(new Error('no host')),
  requestSync: () => {
    throw new Error('no host');
  },
};

export interface TestStream {
  readonly io: FakeStreamIo;
  readonly stream: StreamHandle;
  /** Decides a cause as main does: the word first, then the message. */
  readonly stop: (cause: ErrorCode, reason: string) => void;
}

/** A handle around a fake way out. @param window its first input window, in bytes */
export function testStream(window = 262_144, context: InvocationContextInit = {}): TestStream {
  const io = new FakeStreamIo(LOG, SERVICES);
  const stream = new StreamHandle(io, { ...EMPTY_CONTEXT, ...context }, window);
  return {
    io,
    stream,
    stop: (cause, reason) => {
      io.decided ??= cause;
      stream.stop(cause, reason);
    },
  };
}

/** A payload whose bytes are all `value`. */
export function bytes(value: number, length = 1): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** Whether an error is a ModuleError of this code, and says so. */
export function hasCode(code: ErrorCode, message?: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof ModuleError && error.code === code && (message?.test(error.message) ?? true);
}
