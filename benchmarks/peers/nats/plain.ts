import { connect } from '@nats-io/transport-node';
import { siblingFile } from '../../harness/sibling-file.ts';
import { sum } from '../ixt.ts';
import { checkAll, Deadline, type Peer } from '../peer.ts';
import { Processes, startNatsServer } from './processes.ts';

/** As one stream's window. */
const WINDOW = 262_144;

/** The same client library and server as ours, and a plain subscription that sends each message back. */
export async function plainNatsPeer(name: string): Promise<Peer> {
  const processes = new Processes();
  const { url, serverPid } = await startNatsServer(processes);
  const file = siblingFile(import.meta.url, './plain-server.ts');
  const child = await processes.start(process.execPath, [file, url], /ready/);
  const connection = await connect({ servers: url, noAsyncTraces: true });
  let onBytes: (length: number) => void = () => undefined;
  connection.subscribe('back', { callback: (_error, { data }) => onBytes(data.length) });
  return {
    name,
    pid: child.pid ?? 0,
    serverPid,
    async echo(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      const maxOnTheWay = streams * WINDOW;
      let sent = 0;
      let received = 0;
      let onRoom = (): void => undefined;
      onBytes = (length) => {
        received += length;
        if (sent - received <= maxOnTheWay / 2) onRoom();
      };
      while (!deadline.isOver) {
        for (; sent - received < maxOnTheWay; sent += payloadBytes) {
          connection.publish('echo', payload, { reply: 'back' });
        }
        await new Promise<void>((resolve) => (onRoom = resolve));
      }
      while (received < sent) await new Promise<void>((resolve) => (onRoom = resolve));
      checkAll(name, sent, received);
      return deadline.transfer(sent / payloadBytes);
    },
    async open(concurrent, seconds) {
      const deadline = new Deadline(seconds);
      const counts = await Promise.all(
        Array.from({ length: concurrent }, async () => {
          let done = 0;
          for (; !deadline.isOver; done++) await connection.request('echo', new Uint8Array(1));
          return done;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async ping(payloadBytes) {
      await new Promise<void>((resolve) => {
        onBytes = () => resolve();
        connection.publish('echo', new Uint8Array(payloadBytes), { reply: 'back' });
      });
    },
    async close() {
      await connection.close();
      await processes.end();
    },
  };
}
