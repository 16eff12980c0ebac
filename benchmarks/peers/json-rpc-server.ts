/** The JSON-RPC peer's child: echoes chunks on its standard streams. */
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';

const connection = createMessageConnection(
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
connection.onNotification('echo', (stream: number, chunk: string) => {
  void connection.sendNotification('chunk', stream, Buffer.from(chunk, 'base64').toString('base64'));
});
connection.onRequest('ping', (chunk: string) => Buffer.from(chunk, 'base64').toString('base64'));
connection.listen();
process.on('disconnect', () => process.exit());
process.send?.('ready');
