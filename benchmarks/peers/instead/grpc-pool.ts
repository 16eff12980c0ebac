import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  type ClientUnaryCall,
  type ClientWritableStream,
  type MethodDefinition,
  type requestCallback,
} from '@grpc/grpc-js';
import { startPeer } from '../child.ts';
import type { HashInput } from '../hash-input.ts';
import type { Alternative } from './alternative.ts';
import { POOL_GRPC_OPTIONS, POOL_SERVICE } from './grpc-pool-service.ts';

/** grpc-js in front of Piscina, in a process of its own that is started again when it is gone. */
export async function grpcPoolAlternative(): Promise<Alternative> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-bench-'));
  const address = join(folder, 'grpc');
  const start = async () => {
    // A server that was killed has left its socket.
    rmSync(address, { force: true });
    const server = startPeer('instead/grpc-pool-server.ts', [address]);
    await server.message();
    return server;
  };
  let server = await start();
  const client = new Client(`unix:${address}`, credentials.createInsecure(), POOL_GRPC_OPTIONS);
  const ask = (method: MethodDefinition<Buffer, Buffer>, argument: unknown, signal?: AbortSignal) =>
    settled((callback) => {
      const { path, requestSerialize, responseDeserialize } = method;
      const body = Buffer.from(JSON.stringify(argument));
      const call: ClientUnaryCall = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        body,
        callback,
      );
      signal?.addEventListener('abort', () => call.cancel());
    });
  return {
    picture: (part) => ask(POOL_SERVICE.picture, part),
    hash: (input) => sendAll(client, input),
    ping: () => ask(POOL_SERVICE.ping, null),
    work: async (milliseconds, signal) => void (await ask(POOL_SERVICE.work, milliseconds, signal)),
    async crash(how) {
      const { exited } = server;
      await ask(POOL_SERVICE.crash, how).catch(() => undefined);
      if (how === 'exit') return;
      await exited;
      server = await start();
      // A call fails at once while the channel waits to connect again.
      await new Promise<void>((resolve, reject) =>
        client.waitForReady(Date.now() + 10_000, (error) =>
          error === undefined ? resolve() : reject(error),
        ),
      );
    },
    async close() {
      client.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function sendAll(client: Client, { chunk, chunks }: HashInput): Promise<Uint8Array> {
  const { path, requestSerialize, responseDeserialize } = POOL_SERVICE.hash;
  const payload = Buffer.from(chunk.buffer as ArrayBuffer);
  let call: ClientWritableStream<Buffer> | undefined;
  const digest = settled((callback) => {
    call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, callback);
  });
  for (let left = chunks; left > 0 && call !== undefined; left--) {
    if (!call.write(payload)) await once(call, 'drain');
  }
  call?.end();
  return digest;
}

function settled(start: (callback: requestCallback<Buffer>) => void): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    start((error, answer) =>
      answer === undefined ? reject(error ?? new Error('no answer')) : resolve(answer),
    ),
  );
}
