import { siblingFile } from '../harness/sibling-file.ts';
import {
  spawnModule,
  type HostStream,
  type ModuleHost,
  type ModuleProcess,
  type SpawnModuleOptions,
} from '../../src/host/index.ts';
import { serveArgs } from '../../src/base/package-files.ts';
import { atRate, checkAll, Deadline, inWaves, type Peer, type Transfer } from './peer.ts';

/** Handlers of `modules/load.ts`: generators that own their worker, or asynchronous ones that share it. */
export type HandlerKind = 'sync' | 'async';

export interface IxtOptions {
  readonly name?: string;
  readonly handlers?: HandlerKind;
  readonly workers?: number;
  readonly streamsPerWorker?: number;
  readonly transport?: SpawnModuleOptions['transport'];
  /** Another program that serves the same handlers, in place of ours. */
  readonly command?: SpawnModuleOptions['command'];
  readonly args?: readonly string[];
  /** Flags of the child's Node, for profiles. */
  readonly nodeArgs?: readonly string[];
}

/** The module with the benchmarks' handlers, compiled, started by its launcher as a host starts it. */
export function spawnLoadModule(options: IxtOptions = {}): ModuleProcess {
  const { workers = 2, streamsPerWorker = 64, args = [], nodeArgs, command } = options;
  const file = siblingFile(import.meta.url, '../modules/load.ts');
  const flags = ['--streams-per-worker', String(streamsPerWorker), ...args];
  const cli = siblingFile(import.meta.url, '../../src/cli/main.ts', 'cjs');
  const serve = ['serve', file, '--workers', String(workers), ...flags, '--descriptors', '3,4'];
  return spawnModule({
    ...(command !== undefined
      ? { command }
      : nodeArgs === undefined
        ? { file, workers, args: flags }
        : { command: [process.execPath, ...serveArgs, ...nodeArgs, cli, ...serve], launcher: true }),
    transport: options.transport ?? 'pipe',
    onViolation: (violation) => {
      throw violation;
    },
  });
}

/** This project: our host kit on one side, a module child on the other. */
export async function ixtPeer(options: IxtOptions = {}): Promise<Peer> {
  const { name = 'ixt', handlers = 'sync' } = options;
  const suffix = handlers === 'async' ? '-async' : '';
  const module = spawnLoadModule(options);
  await module.initialize();
  return hostPeer({ name, suffix, pid: module.pid ?? 0, module }, async () => {
    const { code, stderr } = await module.close();
    if (code !== 0) throw new Error(`${name} ended with code ${code}: ${stderr}`);
  });
}

/** A module with the handlers of `modules/load.ts`, wherever it runs. */
export interface HostedModule {
  readonly name: string;
  /** What the names of its handlers end with: '-async', or nothing. */
  readonly suffix: string;
  /** The process whose time counts as the child's. */
  readonly pid: number;
  readonly module: ModuleHost;
}

/** What any host does with a module. */
export function hostPeer({ name, suffix, pid, module }: HostedModule, close: () => Promise<void>): Peer {
  let pinged: HostStream | undefined;
  return {
    name,
    pid,
    async echo(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      const counts = await Promise.all(
        Array.from({ length: streams }, async () => {
          const stream = module.openStream(`echo${suffix}`);
          const sending = sendUntil(stream, payload, deadline);
          let received = 0;
          for await (const chunk of stream) received += chunk.length;
          checkAll(name, (await sending) * payloadBytes, received);
          return received / payloadBytes;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async sink(streams, payloadBytes, seconds) {
      const deadline = new Deadline(seconds);
      const payload = new Uint8Array(payloadBytes).fill(0xa5);
      const counts = await Promise.all(
        Array.from({ length: streams }, async () => {
          const stream = module.openStream(`sink${suffix}`);
          const sent = await sendUntil(stream, payload, deadline);
          const counted = await stream.next();
          checkAll(name, sent * payloadBytes, counted.done === true ? NaN : float64(counted.value));
          await stream.closed;
          return sent;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async source(streams, payloadBytes, frames) {
      const metadata = { count: String(frames), size: String(payloadBytes) };
      const deadline = new Deadline(0);
      await Promise.all(
        Array.from({ length: streams }, async () => {
          let received = 0;
          for await (const chunk of module.openStream(`source${suffix}`, { metadata }))
            received += chunk.length;
          checkAll(name, frames * payloadBytes, received);
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
            const stream = module.openStream(`empty${suffix}`);
            stream.end();
            await stream.closed;
          }
          return opened;
        }),
      );
      return deadline.transfer(sum(counts));
    },
    async ping(payloadBytes) {
      pinged ??= module.openStream(`echo${suffix}`);
      await pinged.send(new Uint8Array(payloadBytes));
      if ((await pinged.next()).done === true) throw new Error(`${name} has closed a stream.`);
    },
    async paced(payloadBytes, perSecond, seconds) {
      const stream = module.openStream(`echo${suffix}`);
      const payload = new Uint8Array(payloadBytes);
      const view = new DataView(payload.buffer);
      const sending = atRate(perSecond, seconds, (due) => {
        view.setFloat64(0, due, true);
        return stream.trySend(payload);
      }).finally(() => stream.end());
      const times: number[] = [];
      for await (const chunk of stream) times.push(performance.now() - float64(chunk));
      checkAll(name, await sending, times.length);
      return times;
    },
    async hold(streams) {
      const payload = new Uint8Array(1);
      const open = await inWaves(streams, async () => {
        const stream = module.openStream(`echo${suffix}`);
        await stream.send(payload);
        if ((await stream.next()).done === true) throw new Error(`${name} has closed a stream.`);
        return stream;
      });
      return async () => {
        for (const stream of open) stream.end();
        await Promise.all(open.map((stream) => stream.closed));
      };
    },
    close: async () => {
      pinged?.end();
      await close();
    },
  };
}

async function sendUntil(stream: HostStream, payload: Uint8Array, deadline: Deadline): Promise<number> {
  let sent = 0;
  for (; !deadline.isOver; sent++) {
    if (!stream.trySend(payload)) await stream.send(payload);
  }
  stream.end();
  return sent;
}

function float64(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Frames a second. */
export function rate({ frames, seconds }: Transfer): number {
  return frames / seconds;
}
