import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import { startPeer } from './child.ts';
import { sum } from './ixt.ts';
import { checkAll, Deadline, type Peer } from './peer.ts';

const NAME = 'vscode-jsonrpc';
/** JSON-RPC has no flow control, so the application keeps a window: enough that neither side ever waits for the other. */
const WINDOW_BYTES = 262_144;
const MAX_WINDOW_FRAMES = 512;

/** vscode-jsonrpc over the child's standard streams: notifications both ways, bytes as base64. */
export async function jsonRpcPeer(): Promise<Peer> {
  const child = startPeer('json-rpc-server.ts');
  await child.message();
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  const onChunk: ((chunk: Buffer) => void)[] = [];
  connection.onNotification('chunk', (stream: number, chunk: string) =>
    onChunk[stream]?.(Buffer.from(chunk, 'base64')),
  );
  connection.listen();

  return {
    name: NAME,
    pid: child.pid,
    async echo(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = Buffer.alloc(payloadBytes, 0xa5);
      const maxOnTheWay = Math.max(1, Math.min(MAX_WINDOW_FRAMES, Math.floor(WINDOW_BYTES / payloadBytes)));
      const counts = await Promise.all(
        Array.from({ length: streams }, async (_, stream) => {
          let sent = 0;
          let received = 0;
          let onRoom = (): void => undefined;
          onChunk[stream] = (chunk) => {
            received += chunk.length / payloadBytes;
            if (sent - received <= maxOnTheWay / 2) onRoom();
          };
          while (!deadline.isOver) {
            const written: Promise<void>[] = [];
            while (sent - received < maxOnTheWay) {
              written.push(connection.sendNotification('echo', stream, payload.toString('base64')));
              sent++;
            }
            const room = new Promise<void>((resolve) => (onRoom = resolve));
            await Promise.all(written);
            if (sent - received > maxOnTheWay / 2) await room;
          }
          while (received < sent) {
            const more = new Promise<void>((resolve) => (onRoom = resolve));
            await more;
          }
          checkAll(NAME, sent, received);
          return sent;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async ping(payloadBytes) {
      const payload = Buffer.alloc(payloadBytes).toString('base64');
      Buffer.from(await connection.sendRequest<string>('ping', payload), 'base64');
    },
    async close() {
      connection.dispose();
      await child.stop();
    },
  };
}
