import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { connect as connectNats, type NatsConnection, type Status } from '@nats-io/transport-node';
import type { NatsServer } from './server.ts';
import { LIMIT, startServer } from './world.ts';

// What the client library does and does not do, as src/nats relies on it or works around it. An upgrade that changes one of these
// makes a part of ours needless, or wrong.

async function open(t: TestContext, server: NatsServer): Promise<NatsConnection> {
  const connection = await connectNats({
    servers: server.url,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  t.after(() => connection.close());
  return connection;
}

/** Resolves with the next status of that kind. */
async function status(connection: NatsConnection, type: Status['type']): Promise<void> {
  for await (const event of connection.status()) if (event.type === type) return;
}

test(
  'messages that are published while the server is away are lost, so a session numbers and keeps them',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const [sender, receiver] = [await open(t, server), await open(t, server)];
    const got: string[] = [];
    receiver.subscribe('fact', { callback: (_, message) => void got.push(message.string()) });
    await receiver.flush();
    const back = [status(sender, 'reconnect'), status(receiver, 'reconnect')];
    const down = status(sender, 'disconnect');
    await server.kill();
    await down;
    sender.publish('fact', 'while it was away');
    await server.start();
    await Promise.all(back);
    sender.publish('fact', 'after');
    await sender.flush();
    await receiver.flush();
    assert.deepEqual(got, ['after']);
  },
);

test(
  'a subscription of one message is forgotten to be of one by a reconnect, so tickets are withdrawn when the connection is lost',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const [sender, receiver] = [await open(t, server), await open(t, server)];
    receiver.subscribe('fact', { max: 1, callback: () => {} });
    await receiver.flush();
    const back = [status(sender, 'reconnect'), status(receiver, 'reconnect')];
    await server.kill();
    await server.start();
    await Promise.all(back);
    await receiver.flush();
    const before = receiver.stats().inMsgs;
    for (let at = 0; at < 3; at += 1) sender.publish('fact', String(at));
    await sender.flush();
    await receiver.flush();
    assert.equal(receiver.stats().inMsgs - before, 3, 'the library drops two of them');
  },
);

test(
  'a callback that throws ends the reader for good, so every callback of ours is guarded',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const connection = await open(t, server);
    const thrown = new Promise<void>((resolve) => {
      connection.subscribe('fact', {
        callback: () => {
          resolve();
          throw new Error('of the callback');
        },
      });
    });
    await connection.flush();
    const other = await open(t, server);
    other.publish('fact');
    await thrown;
    let isAnswered = false;
    connection.flush().then(
      () => (isAnswered = true),
      // The end of the test closes it.
      () => {},
    );
    // The same server answers the other one all the time.
    for (let round = 0; round < 200; round += 1) await other.flush();
    assert.deepEqual([isAnswered, connection.isClosed()], [false, false]);
  },
);
