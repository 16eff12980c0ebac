import { once } from 'node:events';
import { siblingFile } from '../harness/sibling-file.ts';
import { startChild, type TransportKind } from '../../src/host/transport/child-io.ts';
import { checkAll, Deadline, type Peer } from './peer.ts';
import { END_MARK, type RawWay } from './raw-ways.ts';

/** As one stream's window. */
const WINDOW = 262_144;

export interface RawOptions {
  readonly name?: string;
  readonly way?: RawWay;
  readonly transport?: TransportKind;
  /** Threads of the child that do nothing but compute. */
  readonly burning?: number;
}

/** Bytes through `process.stdin` and `process.stdout` of a plain child, over the same pipes (or socket pairs) and the same reader as ours. */
export async function rawPipePeer(options: RawOptions = {}): Promise<Peer> {
  const { name = 'raw pipe', way = 'echo', transport = 'pipe', burning = 0 } = options;
  const server = siblingFile(import.meta.url, './raw-pipe-server.ts');
  const io = startChild({
    command: [process.execPath, server, way, String(burning)],
    transport,
    env: process.env,
    cwd: undefined,
  });
  io.stderr.pipe(process.stderr);
  let onBytes: (bytes: Uint8Array) => void = () => undefined;
  io.source.listen((bytes) => onBytes(bytes));
  const ready = new Promise<void>((resolve) => (onBytes = () => resolve()));
  io.writable.write(READY_REQUESTS[way]);
  await ready;

  return {
    name,
    pid: io.child.pid ?? 0,
    async echo(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      const maxOnTheWay = streams * Math.max(WINDOW, 2 * payloadBytes);
      let sent = 0;
      let received = 0;
      let onRoom = (): void => undefined;
      onBytes = (bytes) => {
        received += bytes.length;
        if (sent - received <= maxOnTheWay / 2) onRoom();
      };
      while (!deadline.isOver) {
        for (; sent - received < maxOnTheWay; sent += payloadBytes) io.writable.write(payload);
        await new Promise<void>((resolve) => (onRoom = resolve));
      }
      while (received < sent) await new Promise<void>((resolve) => (onRoom = resolve));
      checkAll(name, sent, received);
      return deadline.transfer(sent / payloadBytes);
    },
    async sink(_streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      const counted = new Promise<number>((resolve) => {
        onBytes = (bytes) => resolve(new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true));
      });
      let sent = 0;
      for (; !deadline.isOver; sent++) {
        if (!io.writable.write(payload)) await once(io.writable, 'drain');
      }
      io.writable.write(Uint8Array.of(END_MARK));
      checkAll(name, sent * payloadBytes, await counted);
      return deadline.transfer(sent);
    },
    async source(streams, payloadBytes, frames) {
      const deadline = new Deadline(0);
      let left = streams * frames * payloadBytes;
      const all = new Promise<void>((resolve) => {
        onBytes = (bytes) => {
          left -= bytes.length;
          if (left <= 0) resolve();
        };
      });
      io.writable.write(new Uint8Array(Uint32Array.of(streams * frames, payloadBytes).buffer));
      await all;
      checkAll(name, 0, left);
      return deadline.transfer(streams * frames);
    },
    async ping(payloadBytes) {
      let left = payloadBytes;
      await new Promise<void>((resolve) => {
        onBytes = (bytes) => {
          left -= bytes.length;
          if (left === 0) resolve();
        };
        io.writable.write(new Uint8Array(payloadBytes));
      });
    },
    async close() {
      const exited = once(io.child, 'exit');
      io.child.kill('SIGKILL');
      await exited;
      io.writable.destroy();
      io.source.destroy();
    },
  };
}

/** What each child answers with a few bytes, so that it is known to be up. */
const READY_REQUESTS: Readonly<Record<RawWay, Uint8Array>> = {
  echo: Uint8Array.of(0),
  sink: Uint8Array.of(END_MARK),
  source: new Uint8Array(Uint32Array.of(1, 1).buffer),
};
