import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { built } from '../support/built.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { NatsServer } from './server.ts';
import { connect, startCluster, startNode, untilNodes, type NodeProcess } from './world.ts';

const SECONDS = Number(process.env['IXT_NATS_SECONDS'] ?? 15);
const SEED = Number(process.env['IXT_NATS_SEED'] ?? 1 + Math.floor(Math.random() * 0xffff_fffe));
const NODES = 3;
const CLIENTS = 3;
/** Streams that end between two deaths. */
const STREAMS_PER_DEATH = 40;

/**
 * Echoes streams of a random length until its input ends, four at a time, and says of each how it ended: `ok` for the same bytes and a
 * close, the code of an error, or `wrong`.
 */
const CLIENT = (servers: string): string => `
  import { createHash } from 'node:crypto';
  import { connectModule } from ${JSON.stringify(built.natsEntry)};
  let isOver = false;
  process.stdin.on('end', () => (isOver = true)).resume();
  const module = await connectModule({
    servers: ${JSON.stringify(servers)},
    name: 'conformance',
    onViolation: (violation) => console.log('wrong ' + violation.message),
  });
  console.log('ready');
  async function echo() {
    const stream = module.openStream('echo');
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    const sending = (async () => {
      const frames = Math.floor(Math.random() * 100);
      for (let at = 0; at < frames; at += 1) {
        const frame = new Uint8Array(Math.floor(Math.random() * 5_000)).fill(at);
        sent.update(frame);
        await stream.send(frame);
      }
      stream.end();
    })();
    sending.catch(() => undefined);
    for await (const frame of stream) received.update(frame);
    await Promise.all([sending, stream.closed]);
    return sent.digest('hex') === received.digest('hex') ? 'ok' : 'wrong digest';
  }
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!isOver) console.log(await echo().catch((error) => String(error.code)));
    }),
  );
  await module.close();
`;

/** A client in a process of its own, and a count of how its streams ended. */
class Client {
  readonly #child: ChildProcess;
  readonly exited: Promise<unknown[]>;

  constructor(t: TestContext, servers: string, onEnd: (how: string) => void) {
    const args = ['--input-type=module', '-e', CLIENT(servers)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    this.#child = child;
    this.exited = once(child, 'exit');
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line !== 'ready') onEnd(line);
    });
  }

  get pid(): number {
    return this.#child.pid ?? assert.fail('the client was not started');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Lets it end its streams. */
  async finish(): Promise<void> {
    this.#child.stdin?.end();
    assert.deepEqual(await this.exited, [0, null]);
  }
}

/** The memory of each process, in MiB. */
function memoryOf(pids: Readonly<Record<string, number>>): Record<string, number> {
  const sizes = Object.entries(pids).map(([name, pid]): [string, number] => {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return [name, Math.round(Number(kib) / 1024)];
  });
  return Object.fromEntries(sizes);
}

test(
  `servers, nodes and clients die at random for ${SECONDS} s, and every stream ends once, as sent or with unavailable`,
  { timeout: (SECONDS + 120) * 1000 },
  async (t) => {
    t.diagnostic(`IXT_NATS_SEED=${SEED} IXT_NATS_SECONDS=${SECONDS}`);
    const random = seededRandom(SEED);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? assert.fail();
    // The first node and the first client live to the end: what the deaths of the others leave behind shows in their memory.
    const mortal = (count: number): number => 1 + Math.floor(random() * (count - 1));
    const servers = await startCluster(t, 2);
    const urls = servers.map(({ url }) => url).join(',');
    const ends = new Map<string, number>();
    let ended = 0;
    let onEnough = (): void => {};
    const onEnd = (how: string): void => {
      ends.set(how, (ends.get(how) ?? 0) + 1);
      ended += 1;
      if (ended % STREAMS_PER_DEATH === 0) onEnough();
    };
    const nodeOf = (): Promise<NodeProcess> => startNode(t, { url: urls });
    const nodes = await Promise.all(Array.from({ length: NODES }, nodeOf));
    const clients = Array.from({ length: CLIENTS }, () => new Client(t, urls, onEnd));
    const deaths = { server: 0, node: 0, client: 0 };
    const killOne = {
      server: async (): Promise<void> => {
        const server: NatsServer = pick(servers);
        await server.kill();
        await server.start();
      },
      node: async (): Promise<void> => {
        const at = mortal(NODES);
        nodes[at]?.child.kill('SIGKILL');
        nodes[at] = await nodeOf();
      },
      client: async (): Promise<void> => {
        const at = mortal(CLIENTS);
        await clients[at]?.kill();
        clients[at] = new Client(t, urls, onEnd);
      },
    };
    const [node, client] = [nodes[0] ?? assert.fail(), clients[0] ?? assert.fail()];
    const [module = assert.fail()] = node.children();
    const survivors = { node: node.child.pid ?? assert.fail(), module, client: client.pid };
    const begun = performance.now();
    let early: { ended: number; MiB: Record<string, number> } | undefined;
    while (performance.now() < begun + SECONDS * 1000) {
      await new Promise<void>((resolve) => (onEnough = resolve));
      const what = pick(['server', 'node', 'client'] as const);
      await killOne[what]();
      deaths[what] += 1;
      if (performance.now() > begun + SECONDS * 250) early ??= { ended, MiB: memoryOf(survivors) };
    }
    const late = { ended, MiB: memoryOf(survivors) };
    await Promise.all(clients.map((client) => client.finish()));
    await untilNodes(
      await connect(t, { url: urls }),
      (found) =>
        found.length === NODES && found.every(({ live, held, queued }) => live + held + queued === 0),
    );
    t.diagnostic(`streams: ${JSON.stringify([...ends])}, deaths: ${JSON.stringify(deaths)}`);
    t.diagnostic(`memory after a quarter and at the end: ${JSON.stringify([early, late])}`);
    const wrong = [...ends.keys()].filter((how) => how !== 'ok' && how !== 'unavailable');
    assert.deepEqual(wrong, []);
    for (const [name, size] of Object.entries(late.MiB)) {
      assert.ok(size < 2 * (early?.MiB[name] ?? 0), `the ${name} has grown to ${size} MiB`);
    }
    assert.ok((ends.get('ok') ?? 0) > STREAMS_PER_DEATH);
  },
);
