/** A gRPC server whose handlers hand their work to a pool of Piscina. Its argument names a unix socket. */
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerReadableStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { Crash } from './alternative.ts';
import { POOL_GRPC_OPTIONS, POOL_SERVICE } from './grpc-pool-service.ts';
import { Pool } from './pool.ts';
import type { PicturePart } from './work.ts';

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

const EMPTY = Buffer.alloc(0);
const pool = new Pool();
const server = new Server(POOL_GRPC_OPTIONS);
server.addService(POOL_SERVICE, {
  picture: unary<PicturePart>(async (part) => Buffer.from((await pool.picture(part)).buffer as ArrayBuffer)),
  ping: unary(() => Promise.resolve(EMPTY)),
  work: unary<number>(async (milliseconds, signal) => {
    await pool.work(milliseconds, signal);
    return EMPTY;
  }),
  crash: unary<Crash>(async (how) => {
    await pool.crash(how);
    return EMPTY;
  }),
  hash: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    const task = pool.hash();
    call.on('data', (chunk: Buffer) => {
      // Part of a larger buffer of grpc-js: a copy can be given away.
      const room = task.write(new Uint8Array(chunk));
      if (room === undefined) return;
      call.pause();
      void room.then(() => call.resume());
    });
    call.on('end', () => void task.end().then((digest) => done(null, Buffer.from(digest)), failure(done)));
  },
});

/** A method that takes JSON; its signal is aborted when the client cancels, which ends the thread that runs the task. */
function unary<T>(run: (argument: T, signal: AbortSignal) => Promise<Buffer>): Unary {
  return (call, done) => {
    const cancel = new AbortController();
    call.on('cancelled', () => cancel.abort());
    const argument = JSON.parse(call.request.toString()) as T;
    run(argument, cancel.signal).then((answer) => done(null, answer), failure(done));
  };
}

function failure(done: sendUnaryData<Buffer>): (error: Error) => void {
  return ({ message }) => done({ code: status.INTERNAL, message });
}

await Promise.all([pool.work(0), pool.work(0)]);
server.bindAsync(`unix:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.send?.('ready');
});
process.on('disconnect', () => process.exit());
