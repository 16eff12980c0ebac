/** The gRPC peer's child: serves on the unix socket that its first argument names, with the window that the second one says. */
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { grpcOptions, LOAD_SERVICE } from './grpc-service.ts';

const [, , address, windowBytes] = process.argv;
const server = new Server(grpcOptions(windowBytes === undefined ? undefined : Number(windowBytes)));
server.addService(LOAD_SERVICE, {
  echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on('data', (chunk: Buffer) => {
      if (call.write(chunk)) return;
      call.pause();
      call.once('drain', () => call.resume());
    });
    call.on('end', () => call.end());
  },
  sink: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    let bytes = 0;
    call.on('data', (chunk: Buffer) => (bytes += chunk.length));
    call.on('end', () => done(null, Buffer.from(Float64Array.of(bytes).buffer)));
  },
  empty: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.resume();
    call.end();
  },
  source: (call: ServerWritableStream<Buffer, Buffer>) => {
    const chunk = Buffer.alloc(call.request.readUInt32LE(4), 0xa5);
    let left = call.request.readUInt32LE(0);
    const write = (): void => {
      while (left > 0) {
        left--;
        if (!call.write(chunk)) return;
      }
      call.end();
    };
    call.on('drain', write);
    write();
  },
});
server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.send?.('ready');
});
process.on('disconnect', () => process.exit());
