/** Sends each message back to where its sender wants the answer. Its argument is the server's URL. */
import { connect } from '@nats-io/transport-node';

const connection = await connect({ servers: process.argv[2] ?? '', noAsyncTraces: true });
connection.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
await connection.flush();
console.log('ready');
