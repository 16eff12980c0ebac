import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { ErrorCode, HostStream, ModuleProcess, OpenStreamOptions } from '../../src/host/index.ts';
import { parseStreamId, type StreamId } from '../../src/wire/stream-id.ts';
import { decodeMessage, type DecodedMessage } from '../support/decoded-message.ts';

/** How the bytes travel: each kind of descriptor has its own ways of being full, half written and gone. */
export const TRANSPORTS = ['socket', 'pipe'] as const;

/** For one test with its child: the tests here wait for events, so a hang shows only by the clock. */
export const LIMIT = { timeout: 30_000 } as const;

/** A source of test/fixtures, as an author has it: the child must find a way to load it. Those that can't be loaded are in `broken/`. */
export function sourceFixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

type CallOptions = OpenStreamOptions & { readonly input?: readonly Uint8Array[] };

/** Opens a stream, sends all input, closes it and gives every Data of the answer; rejects with the stream's error. */
export async function call(
  module: ModuleProcess,
  method: string,
  { input = [], ...options }: CallOptions = {},
): Promise<Uint8Array[]> {
  const stream = module.openStream(method, options);
  const sending = (async () => {
    for (const data of input) await stream.send(data);
    stream.end();
  })();
  // A stream that fails tells its reader; the sender's share of the error says nothing new.
  sending.catch(() => undefined);
  return collect(stream);
}

/** As {@link call}, for a method that answers with one Data. */
export async function callForOne(
  module: ModuleProcess,
  method: string,
  options: CallOptions = {},
): Promise<Uint8Array> {
  const [data, ...more] = await call(module, method, options);
  assert.equal(more.length, 0, 'one Data is expected');
  assert.ok(data, 'one Data is expected');
  return data;
}

export async function collect(stream: HostStream): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** The stream ends with that code, after whatever Data; gives the error's message. */
export async function endsWith(stream: HostStream, code: ErrorCode): Promise<string> {
  let message = '';
  await assert.rejects(collect(stream), (error: Error & { code?: unknown }) => {
    message = error.message;
    assert.equal(error.code, code, `${error.message} (${String(error.code)})`);
    return true;
  });
  return message;
}

/** An `echo` whose handler runs for certain: it has answered once. */
export async function runningEcho(
  module: ModuleProcess,
  options: OpenStreamOptions = {},
  method = 'echo',
): Promise<HostStream> {
  const stream = module.openStream(method, options);
  await stream.send(Uint8Array.of(1));
  assert.deepEqual((await stream.next()).value, Uint8Array.of(1));
  return stream;
}

/** Waits until that many workers run something; each look is a question to main and its answer. */
export async function untilBusy(module: ModuleProcess, workers: number): Promise<void> {
  while ((await module.health()).busyWorkers !== workers);
}

/** Ends an {@link runningEcho} and waits for its close. */
export async function finishEcho(stream: HostStream): Promise<void> {
  stream.end();
  assert.deepEqual(await collect(stream), []);
}

export function uint64Of(data: Uint8Array): bigint {
  assert.equal(data.length, 8);
  return new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
}

let nextId = 0;

/** A stream id that no session hands out. */
export function newStreamId(): StreamId {
  const id = parseStreamId(`f${(++nextId).toString(16).padStart(31, '0')}`);
  assert.ok(id);
  return id;
}

/** Records every message of the module; give its `record` as `onWire`. */
export class WireTap {
  readonly messages: DecodedMessage[] = [];

  readonly record = (direction: 'in' | 'out', bytes: Uint8Array): void => {
    if (direction === 'in') this.messages.push(decodeMessage(bytes));
  };

  /** What came for an id so far: the arms of its stream frames, an error's with its code, or the type of an answer. */
  of(requestId: string): string[] {
    return this.messages
      .filter((message) => message.requestId === requestId)
      .map(({ type, frame }) => (frame?.arm === 'error' ? `error ${frame.code}` : (frame?.arm ?? type)));
  }

  /** As {@link of}, without Data and Credit: what ended the stream. */
  terminals(requestId: string): string[] {
    return this.of(requestId).filter((what) => what !== 'data' && what !== 'credit');
  }
}

/** Fails unless `action` settles within `ms`, which the contract says, or which tells two of its times apart: {@link LIMIT} is for hangs. */
export async function within<T>(ms: number, action: Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await action;
  const took = Math.round(performance.now() - started);
  assert.ok(took <= ms, `it took ${took} ms, and ${ms} are allowed`);
  return result;
}
