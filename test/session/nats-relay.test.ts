import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../../src/nats/places.ts';
import { Relay } from '../../src/nats/relay.ts';
import { ClientRelay } from '../../src/nats/relay-session.ts';
import { HEADER_BYTES } from '../../src/nats/session-message.ts';
import { DEFAULT_TIMES } from '../../src/nats/session-times.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';
import { Framer } from '../../src/wire/capnp/framer.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import {
  encodeHandleRequest,
  encodeHandleResponse,
  encodeInitialize,
  encodeServiceRequest,
} from '../../src/wire/payload-encode.ts';
import { decodeServiceResponse } from '../../src/wire/payload-decode.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { decodeMessage, type DecodedMessage } from '../support/decoded-message.ts';
import { FakeModule } from './fake-module.ts';

const A = new FrameEncoder('0000000000000000000000000000000a' as StreamId);
const A_ID = '0000000000000000000000000000000a' as StreamId;
const B = new FrameEncoder('0000000000000000000000000000000b' as StreamId);
const B_ID = '0000000000000000000000000000000b' as StreamId;

/** What a client of the node has received. */
class Client {
  readonly relay: ClientRelay;
  readonly messages: DecodedMessage[] = [];
  broken: string | undefined;
  isClogged = false;
  readonly #places: Places;

  constructor(relay: Relay, places: Places) {
    this.#places = places;
    const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
      this.messages.push(decodeMessage(bytes.slice(start, end)));
    });
    const sink = {
      send: (message: Uint8Array) => {
        framer.push(message.slice(HEADER_BYTES));
        return !this.isClogged;
      },
    };
    this.relay = new ClientRelay(relay, sink, places, (reason) => (this.broken = reason));
  }

  claim(): void {
    this.relay.claim([this.#places.promise()]);
  }

  send(...messages: Uint8Array[]): void {
    this.relay.push(new Uint8Array(Buffer.concat(messages)));
  }

  /** What it was sent so far, in words. */
  seen(): string[] {
    this.relay.flush();
    return this.messages.map(({ type, requestId, frame }) =>
      frame === undefined
        ? `${type} ${requestId}`
        : frame.arm === 'error'
          ? `error ${frame.code}`
          : frame.arm,
    );
  }
}

class Node {
  readonly module = new FakeModule();
  readonly clock = new TestClock(0);
  readonly places = new Places(this.clock, DEFAULT_TIMES, () => undefined);
  readonly relay = new Relay(this.module.transport, this.places, {
    onService: ({ body }) => Uint8Array.from(body).reverse(),
    onEnd: ({ message }) => (this.ended = message),
  });
  ended: string | undefined;

  constructor() {
    this.places.capacity = 4;
  }

  client(): Client {
    return new Client(this.relay, this.places);
  }
}

test('an Open takes a claimed place, and its terminal frame gives it back', async () => {
  const node = new Node();
  const client = node.client();
  client.claim();
  assert.deepEqual([node.places.held, node.places.live], [1, 0]);
  client.send(A.open({ method: 'echo' }), A.data(Uint8Array.of(1)), A.close());
  assert.deepEqual([node.places.held, node.places.live], [0, 1]);
  await node.module.nextFrame('open');
  await node.module.nextFrame('data');
  await node.module.nextFrame('close');
  node.module.data(A_ID, Uint8Array.of(2));
  node.module.credit(A_ID, 5);
  node.module.close(A_ID);
  assert.deepEqual(client.seen(), ['data', 'credit', 'close']);
  assert.deepEqual([node.places.live, node.places.free], [0, 4]);
});

test('an Open without a place is refused, for that stream alone, and the module never sees it', async () => {
  const node = new Node();
  const client = node.client();
  client.relay.claim(['0'.repeat(32)]);
  client.send(A.open({ method: 'echo' }), A.data(Uint8Array.of(1)));
  client.claim();
  client.send(B.open({ method: 'echo' }));
  assert.deepEqual(client.seen(), ['error resourceExhausted']);
  assert.equal((await node.module.nextFrame('open')).context.method, 'echo');
  assert.deepEqual(await node.module.rest(), []);
});

test('a place is claimed once: bytes that come again start nothing', async () => {
  const node = new Node();
  const place = node.places.promise();
  const [first, second] = [node.client(), node.client()];
  first.relay.claim([place]);
  second.relay.claim([place]);
  first.send(A.open({ method: 'echo' }));
  second.send(B.open({ method: 'echo' }));
  assert.deepEqual(second.seen(), ['error resourceExhausted']);
  assert.deepEqual(await node.module.rest(), ['open']);
});

test('a promise that nobody claims frees its place, and a late claim is still good once', () => {
  const node = new Node();
  const place = node.places.promise();
  node.clock.advance(DEFAULT_TIMES.holdMs);
  assert.equal(node.places.free, 4);
  assert.equal(node.places.claim(place), true);
  assert.equal(node.places.claim(place), false);
  const forgotten = node.places.promise();
  node.clock.advance(DEFAULT_TIMES.holdMs);
  node.clock.advance(DEFAULT_TIMES.lateMs);
  assert.equal(node.places.claim(forgotten), false);
});

test('frames of another session’s stream are dropped and counted, and so is an Open of its id refused', async () => {
  const node = new Node();
  const [owner, stranger] = [node.client(), node.client()];
  owner.claim();
  owner.send(A.open({ method: 'echo' }));
  await node.module.nextFrame('open');
  stranger.claim();
  stranger.send(A.data(Uint8Array.of(6)), A.cancel('mine'), A.close(), A.open({ method: 'echo' }));
  assert.deepEqual(await node.module.rest(), []);
  assert.deepEqual(stranger.seen(), ['error invalidArgument']);
  assert.equal(node.relay.stats.stray, 3);
  node.module.data(A_ID, Uint8Array.of(1));
  assert.deepEqual([owner.seen(), stranger.seen()], [['data'], ['error invalidArgument']]);
});

test('requests of two clients with the same id each get their own answer', async () => {
  const node = new Node();
  const clients = [node.client(), node.client()];
  for (const [at, client] of clients.entries()) {
    client.claim();
    client.send(encodeEnvelope('handle', 'r1', encodeHandleRequest({ body: Uint8Array.of(at) })));
  }
  const asked = [await node.module.next(), await node.module.next()];
  assert.notEqual(asked[0]?.requestId, asked[1]?.requestId);
  assert.equal(node.places.live, 2);
  for (const { requestId } of asked.toReversed()) {
    node.module.answer(requestId, encodeHandleResponse({ body: Uint8Array.of(9) }));
  }
  for (const client of clients) assert.deepEqual(client.seen(), ['response r1']);
  assert.equal(node.places.live, 0);
});

test('an answer waits, with its place, until the client has taken what was sent before', async () => {
  const node = new Node();
  const client = node.client();
  client.isClogged = true;
  for (const id of ['r1', 'r2']) {
    client.claim();
    client.send(encodeEnvelope('handle', id, encodeHandleRequest({})));
    node.module.answer(
      (await node.module.next()).requestId,
      encodeHandleResponse({ body: new Uint8Array(100_000) }),
    );
  }
  assert.deepEqual(client.seen(), ['response r1']);
  assert.equal(node.places.live, 1);
  client.isClogged = false;
  client.relay.drained();
  assert.deepEqual(client.seen(), ['response r1', 'response r2']);
  assert.equal(node.places.live, 0);
});

test('a session that is dropped cancels its streams, and their places are free at the terminal frames', async () => {
  const node = new Node();
  const client = node.client();
  client.claim();
  client.claim();
  client.send(A.open({ method: 'echo' }));
  await node.module.nextFrame('open');
  client.relay.drop('the client is gone');
  assert.equal((await node.module.nextFrame('cancel')).reason, 'the client is gone');
  node.module.data(A_ID, Uint8Array.of(1));
  assert.deepEqual([node.places.live, node.places.held], [1, 0]);
  node.module.error(A_ID, { code: 'cancelled', message: '' });
  assert.equal(node.places.live, 0);
  assert.deepEqual(client.seen(), []);
});

test('initialize is answered with what the module said, and another version of the protocol is refused', async () => {
  const node = new Node();
  const client = node.client();
  client.send(encodeEnvelope('initialize', 'r1', encodeInitialize({})));
  client.send(encodeEnvelope('initialize', 'r2', encodeInitialize({ protocolVersion: 2 })));
  client.send(encodeEnvelope('shutdown', 'r3', new Uint8Array(0)));
  client.send(encodeEnvelope('kvChangeNotification', '', new Uint8Array(0)));
  assert.deepEqual(client.seen(), ['response r1', 'error r2', 'error r3']);
  assert.deepEqual(await node.module.rest(), []);
});

test('progress does not reach a client that has not said it accepts it', () => {
  const node = new Node();
  const client = node.client();
  client.claim();
  client.send(A.open({ method: 'echo' }));
  node.module.send(A.progress(new Uint8Array(8)));
  node.module.close(A_ID);
  assert.deepEqual(client.seen(), ['close']);
});

test('a second Open of a live stream is judged by the module, and a malformed frame of no stream is refused', async () => {
  const node = new Node();
  const client = node.client();
  client.claim();
  client.send(A.open({ method: 'echo' }));
  await node.module.nextFrame('open');
  client.send(A.open({ method: 'echo' }));
  await node.module.nextFrame('open');
  assert.equal(node.places.live, 1);
  client.send(encodeEnvelope('streamFrame', B_ID, new Uint8Array(16)));
  client.send(encodeEnvelope('streamFrame', 'no id', new Uint8Array(16)));
  assert.deepEqual(client.seen(), ['error protocolViolation', 'error no id']);
});

test('a client whose bytes are no messages breaks its own session only', () => {
  const node = new Node();
  const [good, bad] = [node.client(), node.client()];
  bad.send(new Uint8Array(64).fill(0xff));
  assert.match(bad.broken ?? '', /can't be read/);
  good.claim();
  good.send(A.open({ method: 'echo' }));
  node.module.close(A_ID);
  assert.deepEqual(good.seen(), ['close']);
  assert.equal(node.ended, undefined);
});

test('what handlers ask is answered where the module joins, and what can’t be read of it ends nothing', async () => {
  const node = new Node();
  const payload = encodeServiceRequest({ service: 'kv', method: 'get', body: Uint8Array.of(1, 2) });
  node.module.send(encodeEnvelope('serviceRequest', 's1', new Uint8Array(16).fill(0xff)));
  node.module.send(encodeEnvelope('serviceRequest', '', payload));
  assert.equal(node.relay.stats.stray, 2);
  node.module.send(encodeEnvelope('serviceRequest', 's2', payload));
  const { type, requestId, payload: answer } = await node.module.next();
  assert.deepEqual([type, requestId], ['serviceResponse', 's2']);
  assert.deepEqual([...decodeServiceResponse(answer).body], [2, 1]);
  assert.equal(node.ended, undefined);
});

test('a module whose output makes no sense, or that goes, ends the node with the reason', () => {
  const broken = new Node();
  broken.module.send(new Uint8Array(64).fill(0xff));
  assert.match(broken.ended ?? '', /output can't be read/);
  const gone = new Node();
  gone.module.end({ clean: false, message: 'gone' });
  assert.equal(gone.ended, 'gone');
});
