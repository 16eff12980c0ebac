import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Channel, MAX_KEPT_BYTES } from '../../../src/nats/channel.ts';
import {
  controlMessage,
  HEADER_BYTES,
  KIND,
  readHeader,
  VERSION,
} from '../../../src/nats/session-message.ts';
import { DEFAULT_TIMES } from '../../../src/nats/session-times.ts';
import { FakeEnd, FakePort, sendBody } from './fake-bus.ts';

const TICK = DEFAULT_TIMES.tickMs;
const PLACE = 'ab'.repeat(16);

/** Two sides and what is between them. */
class World {
  now = 0;
  readonly ends = [new FakeEnd(), new FakeEnd()] as const;
  readonly ports: readonly [FakePort, FakePort];
  readonly channels: readonly [Channel, Channel];
  /** What each side was asked to send. */
  readonly sent: readonly [number[], number[]] = [[], []];

  constructor(maxMessageBytes = 1_048_576) {
    const port = (): FakePort => new FakePort(() => this.now, maxMessageBytes);
    this.ports = [port(), port()];
    const [opener, listener] = this.ends;
    this.channels = [
      new Channel(this.ports[0], opener, DEFAULT_TIMES, 'opener'),
      new Channel(this.ports[1], listener, DEFAULT_TIMES, 'listener'),
    ];
  }

  send(side: 0 | 1, body: Uint8Array): void {
    if (!this.channels[side].isOver) this.sent[side].push(...body);
    sendBody(this.channels[side], body);
  }

  /** Delivers, loses or doubles the oldest message from `side`. A side whose connection is down gets nothing. */
  pass(side: 0 | 1, fate: 'deliver' | 'drop' | 'twice'): void {
    const message = this.ports[side].underWay.shift();
    const other = side === 0 ? 1 : 0;
    if (message === undefined || fate === 'drop' || !this.ports[other].isUp) return;
    this.channels[other].recv(message);
    if (fate === 'twice') this.channels[other].recv(message);
  }

  /** The connection of `side` breaks: what it had not read is lost. */
  down(side: 0 | 1): void {
    this.ports[side].isUp = false;
    this.ports[side === 0 ? 1 : 0].underWay.length = 0;
  }

  up(side: 0 | 1): void {
    if (this.ports[side].isUp) return;
    this.ports[side].isUp = true;
    this.channels[side].reconnected();
  }

  tick(ms = TICK): void {
    this.now += ms;
    for (const channel of this.channels) channel.tick(ms);
  }

  deliverAll(): void {
    while (this.ports.some(({ underWay }) => underWay.length > 0)) {
      this.pass(0, 'deliver');
      this.pass(1, 'deliver');
    }
  }

  /** Everything works from now on, for that long. */
  settle(ticks = 30): void {
    this.up(0);
    this.up(1);
    for (let at = 0; at < ticks; at += 1) {
      this.deliverAll();
      this.tick();
    }
    this.deliverAll();
  }
}

const side = fc.constantFrom<0 | 1>(0, 1);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant('send' as const), side, length: fc.integer({ min: 0, max: 90 }) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant('pass' as const),
      side,
      fate: fc.constantFrom<'deliver' | 'drop' | 'twice'>('deliver', 'deliver', 'deliver', 'drop', 'twice'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('down' as const), side }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('up' as const), side }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('tick' as const), ms: fc.constantFrom(TICK, 1_000, 40_000) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('forget' as const) }) },
);

test('whatever the bus does, each byte arrives once and in order, or both sides know that the session is over', () => {
  let deaths = 0;
  let lives = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, mayForget) => {
      const world = new World(HEADER_BYTES + 40);
      let byte = 0;
      let forgotten = false;
      for (const at of steps) {
        switch (at.op) {
          case 'send':
            world.send(
              at.side,
              Uint8Array.from({ length: at.length }, () => (byte += 1) & 0xff),
            );
            break;
          case 'pass':
            world.pass(at.side, at.fate);
            break;
          case 'down':
            world.down(at.side);
            break;
          case 'up':
            world.up(at.side);
            break;
          case 'tick':
            world.tick(at.ms);
            break;
          case 'forget':
            if (mayForget && !forgotten) {
              forgotten = true;
              world.channels[1].close('forgotten');
            }
        }
        for (const of of [0, 1] as const) {
          const { received } = world.ends[of];
          assert.deepEqual(received, world.sent[of === 0 ? 1 : 0].slice(0, received.length));
        }
      }
      world.settle();
      // A side that is over answers what still comes with a bye, as node and client do for a session that they don't know.
      for (const of of [0, 1] as const) {
        if (!world.channels[of].isOver) continue;
        world.channels[of === 0 ? 1 : 0].recv(
          controlMessage(KIND.bye, { seq: 0, ack: 0 }, 'unknown session'),
        );
      }
      const [opener, listener] = world.channels;
      assert.equal(opener.isOver, listener.isOver);
      if (opener.isOver) {
        deaths += 1;
        return;
      }
      lives += 1;
      assert.deepEqual(world.ends[0].received, world.sent[1]);
      assert.deepEqual(world.ends[1].received, world.sent[0]);
      assert.deepEqual([opener.keptBytes, listener.keptBytes], [0, 0]);
    }),
    { numRuns: 10_000, seed: 20 },
  );
  assert.ok(deaths > 100 && lives > 5_000, `${deaths} ended, ${lives} lived`);
});

test('the first message of a session is a claim with its places, numbered 1', () => {
  const world = new World();
  world.channels[0].claim(PLACE);
  world.channels[0].claim(PLACE.replace('a', 'c'));
  world.send(0, Uint8Array.of(7, 8));
  const [message] = world.ports[0].underWay;
  assert.ok(message);
  assert.deepEqual(readHeader(message), { kind: 4, flags: 0, version: 1, places: 2, seq: 1, ack: 0 });
  world.deliverAll();
  assert.deepEqual(world.ends[1].places, [PLACE, PLACE.replace('a', 'c')]);
  assert.deepEqual(world.ends[1].received, [7, 8]);
  world.send(0, Uint8Array.of(9));
  assert.equal(readHeader(world.ports[0].underWay.at(-1) ?? new Uint8Array(0))?.kind, KIND.data);
});

test('the bytes of a header are those of the page', () => {
  const world = new World();
  world.send(1, Uint8Array.of(0xff));
  const [message] = world.ports[1].underWay;
  assert.equal(
    Buffer.from(message ?? []).toString('hex'),
    '01' + '00' + '0100' + '00000000' + '0100000000000000' + '0000000000000000' + 'ff',
  );
});

test('a message larger than the server takes travels in pieces, the claim at the front of the first', () => {
  const world = new World(200);
  world.channels[0].claim(PLACE);
  world.send(
    0,
    Uint8Array.from({ length: 1_000 }, (_, at) => at & 0xff),
  );
  assert.ok(world.ports[0].underWay.every(({ length }) => length <= 200));
  assert.equal(world.ports[0].underWay.length, Math.ceil((1_000 + 32) / (200 - HEADER_BYTES)));
  world.deliverAll();
  assert.deepEqual(world.ends[1].received, world.sent[0]);
  assert.deepEqual(world.ends[1].places, [PLACE]);
});

test('a message of another version ends the session and says both versions', () => {
  const world = new World();
  world.send(1, Uint8Array.of(1));
  const [message] = world.ports[1].underWay;
  assert.ok(message);
  new DataView(message.buffer).setUint16(2, VERSION + 1, true);
  world.deliverAll();
  const text = 'The other side speaks version 2 of sessions, and this one 1.';
  assert.equal(world.ends[0].over, text);
  assert.equal(world.ends[1].over, text);
});

test('an acknowledgement of what was never sent ends the session', () => {
  const world = new World();
  world.channels[0].recv(controlMessage(KIND.beat, { seq: 0, ack: 1 }));
  assert.match(world.ends[0].over ?? '', /acknowledged message 1, and 0 were sent/);
});

test('garbage is ignored, and a claim of more places than it carries is garbage', () => {
  const world = new World();
  world.channels[0].recv(new Uint8Array(23));
  const claim = new Uint8Array(HEADER_BYTES + 31);
  claim.set([KIND.claim, 0, 1, 0, 1, 0, 0, 0, 1]);
  world.channels[1].recv(claim);
  assert.deepEqual([world.ends[0].over, world.ends[1].over], [undefined, undefined]);
  assert.deepEqual(world.ends[1].received, []);
});

test('a peer at whose place nobody listens counts as lost after goneMs, and not when it is heard again in between', () => {
  const world = new World();
  world.send(0, Uint8Array.of(1));
  const peer = world.channels[0];
  const refuseFor = (ms: number): void => {
    for (let at = 0; at < ms; at += TICK) {
      peer.noResponders();
      world.tick();
    }
  };
  refuseFor(DEFAULT_TIMES.goneMs - TICK);
  peer.recv(controlMessage(KIND.beat, { seq: 0, ack: 0 }));
  refuseFor(DEFAULT_TIMES.goneMs);
  assert.equal(world.ends[0].over, undefined);
  peer.noResponders();
  assert.equal(world.ends[0].over, 'nobody answers there any more');
});

test('after a reconnect of its own a side gives its peer more time to come back, too', () => {
  const world = new World();
  world.send(0, Uint8Array.of(1));
  world.down(0);
  world.up(0);
  for (let ms = 0; ms <= DEFAULT_TIMES.goneMs + 1_000; ms += TICK) {
    world.channels[0].noResponders();
    world.tick();
  }
  assert.equal(world.ends[0].over, undefined);
});

test('a side that is connected again says at once what it has sent, and asks for what it may lack', () => {
  const world = new World();
  world.send(0, Uint8Array.of(1));
  world.deliverAll();
  world.down(0);
  world.send(1, Uint8Array.of(2));
  world.pass(1, 'deliver');
  world.send(0, Uint8Array.of(3));
  assert.deepEqual(world.ports[0].underWay, []);
  world.up(0);
  world.deliverAll();
  assert.deepEqual(world.ends[0].received, [2]);
  assert.deepEqual(world.ends[1].received, [1, 3]);
});

test('a process that stood still counts two beats of the silence, and first reads what came', () => {
  const world = new World();
  world.send(0, Uint8Array.of(1));
  world.channels[0].tick(60_000);
  assert.equal(world.ends[0].over, undefined);
  for (let ms = 0; ms < DEFAULT_TIMES.silentMs; ms += TICK) world.channels[0].tick(TICK);
  assert.match(world.ends[0].over ?? '', /nothing was heard of it/);
});

test('two sides with nothing open fall silent', () => {
  const world = new World();
  world.send(0, Uint8Array.of(1));
  world.settle(10);
  for (const end of world.ends) end.busy = false;
  world.settle(10);
  for (let at = 0; at < 100; at += 1) world.tick();
  assert.deepEqual(
    world.ports.map(({ underWay }) => underWay.length),
    [0, 0],
  );
});

test('a sender is asked to pause when much is not acknowledged, told when it may go on, and ended past the limit', () => {
  const world = new World();
  const chunk = new Uint8Array(1 << 20);
  let sent = 1;
  while (sendBody(world.channels[0], chunk)) sent += 1;
  assert.ok(sent <= 9, `${sent} MiB`);
  // Only the count matters here, so the bytes are not collected.
  world.ends[1].onData = () => undefined;
  world.deliverAll();
  world.tick();
  world.deliverAll();
  assert.equal(world.ends[0].drains, 1);
  world.ports[0].isUp = false;
  for (let bytes = 0; bytes <= MAX_KEPT_BYTES; bytes += chunk.length) sendBody(world.channels[0], chunk);
  assert.match(world.ends[0].over ?? '', /64 MiB/);
  assert.equal(world.channels[0].keptBytes, 0);
});
