import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ClientWritableStream } from '@grpc/grpc-js';
import { startPeer } from './child.ts';
import { ECHO, EMPTY, grpcOptions, SINK, SOURCE } from './grpc-service.ts';
import { sum } from './ixt.ts';
import { atRate, checkAll, Deadline, inWaves, type Peer } from './peer.ts';

const NAME = 'grpc-js';
const noMetadata = new Metadata();

/**
 * @grpc/grpc-js over a unix socket, messages as raw bytes, one connection.
 *
 * @param windowBytes what one stream may have on its way, in each direction (default: as our own first window)
 */
export async function grpcPeer(windowBytes?: number): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-bench-'));
  const address = join(folder, 'grpc');
  const windowArgs = windowBytes === undefined ? [] : [String(windowBytes)];
  const child = startPeer('grpc-server.ts', [address, ...windowArgs]);
  await child.message();
  const client = new Client(`unix:${address}`, credentials.createInsecure(), grpcOptions(windowBytes));
  const openEcho = () =>
    client.makeBidiStreamRequest(ECHO.path, ECHO.requestSerialize, ECHO.responseDeserialize, noMetadata);
  let onPong = (): void => undefined;
  let pinged: ReturnType<typeof openEcho> | undefined;

  return {
    name: NAME,
    pid: child.pid,
    async echo(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = Buffer.alloc(payloadBytes, 0xa5);
      const counts = await Promise.all(
        Array.from({ length: streams }, async () => {
          const call = openEcho();
          let received = 0;
          call.on('data', (chunk: Buffer) => (received += chunk.length));
          const ended = once(call, 'end');
          const sent = await sendUntil(call, payload, deadline);
          await ended;
          checkAll(NAME, sent * payloadBytes, received);
          return sent;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async sink(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = Buffer.alloc(payloadBytes, 0xa5);
      const counts = await Promise.all(
        Array.from({ length: streams }, async () => {
          let tell: (answer: Buffer) => void = () => undefined;
          let fail: (error: Error) => void = () => undefined;
          const answered = new Promise<Buffer>((resolve, reject) => ([tell, fail] = [resolve, reject]));
          const call = client.makeClientStreamRequest(
            SINK.path,
            SINK.requestSerialize,
            SINK.responseDeserialize,
            noMetadata,
            (error, answer) => (answer === undefined ? fail(error ?? new Error('no answer')) : tell(answer)),
          );
          const sent = await sendUntil(call, payload, deadline);
          checkAll(NAME, sent * payloadBytes, (await answered).readDoubleLE(0));
          return sent;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async source(streams, payloadBytes, frames) {
      const { path, requestSerialize, responseDeserialize } = SOURCE;
      const request = Buffer.from(Uint32Array.of(frames, payloadBytes).buffer);
      const deadline = new Deadline(0);
      await Promise.all(
        Array.from({ length: streams }, async () => {
          const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
          let received = 0;
          call.on('data', (chunk: Buffer) => (received += chunk.length));
          await once(call, 'end');
          checkAll(NAME, frames * payloadBytes, received);
        }),
      );
      return deadline.transfer(frames * streams);
    },
    async open(concurrent, seconds) {
      const deadline = new Deadline(seconds);
      const counts = await Promise.all(
        Array.from({ length: concurrent }, async () => {
          let opened = 0;
          for (; !deadline.isOver; opened++) {
            const { path, requestSerialize, responseDeserialize } = EMPTY;
            const call = client.makeBidiStreamRequest(
              path,
              requestSerialize,
              responseDeserialize,
              noMetadata,
            );
            call.resume();
            call.end();
            await once(call, 'end');
          }
          return opened;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async ping(payloadBytes) {
      pinged ??= openEcho().on('data', () => onPong());
      const call = pinged;
      await new Promise<void>((resolve) => {
        onPong = resolve;
        call.write(Buffer.alloc(payloadBytes));
      });
    },
    async paced(payloadBytes, perSecond, seconds) {
      const call = openEcho();
      const times: number[] = [];
      call.on('data', (chunk: Buffer) => times.push(performance.now() - chunk.readDoubleLE(0)));
      const ended = once(call, 'end');
      let isClogged = false;
      call.on('drain', () => (isClogged = false));
      const sent = await atRate(perSecond, seconds, (due) => {
        if (isClogged) return false;
        const payload = Buffer.alloc(payloadBytes);
        payload.writeDoubleLE(due);
        isClogged = !call.write(payload);
        return true;
      });
      call.end();
      await ended;
      checkAll(NAME, sent, times.length);
      return times;
    },
    async hold(streams) {
      const payload = Buffer.alloc(1);
      const open = await inWaves(streams, async () => {
        const call = openEcho();
        call.write(payload);
        await once(call, 'data');
        return call;
      });
      return async () => {
        const ended = open.map((call) => once(call, 'end'));
        for (const call of open) call.end();
        await Promise.all(ended);
      };
    },
    async close() {
      if (pinged !== undefined) {
        const ended = once(pinged, 'end');
        pinged.end();
        await ended;
      }
      client.close();
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function sendUntil(
  call: ClientWritableStream<Buffer>,
  payload: Buffer,
  deadline: Deadline,
): Promise<number> {
  let sent = 0;
  for (; !deadline.isOver; sent++) {
    if (!call.write(payload)) await once(call, 'drain');
  }
  call.end();
  return sent;
}
