import { once } from 'node:events';
import { siblingFile } from '../harness/sibling-file.ts';
import { startChild } from '../../src/host/transport/child-io.ts';
import { checkAll, Deadline, type Peer } from './peer.ts';

const NAME = 'raw pipe';
/** As one stream's window. */
const MAX_ON_THE_WAY = 262_144;

/**
 * Bytes through `process.stdin` and `process.stdout` of a plain child, over the same pipes and the same reader as ours.
 *
 * @param burning threads of the child that do nothing but compute
 */
export async function rawEchoPeer(burning = 0): Promise<Peer> {
  const io = startChild({
    command: [process.execPath, siblingFile(import.meta.url, './raw-echo-server.ts'), String(burning)],
    transport: 'pipe',
    env: process.env,
    cwd: undefined,
  });
  io.stderr.pipe(process.stderr);
  let onBytes: (length: number) => void = () => undefined;
  io.source.listen((bytes) => onBytes(bytes.length));
  const ready = new Promise<void>((resolve) => (onBytes = () => resolve()));
  io.writable.write(new Uint8Array(1));
  await ready;

  return {
    name: NAME,
    pid: io.child.pid ?? 0,
    async echo(_streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      let sent = 0;
      let received = 0;
      let onRoom = (): void => undefined;
      onBytes = (length) => {
        received += length;
        if (sent - received <= MAX_ON_THE_WAY / 2) onRoom();
      };
      while (!deadline.isOver) {
        for (; sent - received < MAX_ON_THE_WAY; sent += payloadBytes) io.writable.write(payload);
        await new Promise<void>((resolve) => (onRoom = resolve));
      }
      while (received < sent) await new Promise<void>((resolve) => (onRoom = resolve));
      checkAll(NAME, sent, received);
      return deadline.transfer(sent / payloadBytes);
    },
    async ping(payloadBytes) {
      let left = payloadBytes;
      await new Promise<void>((resolve) => {
        onBytes = (length) => {
          left -= length;
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
