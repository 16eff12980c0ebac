import { bytes, defineMethod, one } from '../../src/index.ts';
import { withMethods, type ModuleProcess } from '../../src/host/index.ts';
import type { Contest, Contestant } from '../harness/contest.ts';
import { spawnLoadModule } from '../peers/ixt.ts';
import { latency } from './end-to-end.ts';

/** The same handler, which takes and gives bytes. */
const shapes = { 'echo-async': defineMethod({ input: one(bytes()), output: one(bytes()) }) };

type Call = (payload: Uint8Array) => Promise<Uint8Array | undefined>;

/** A call of one value each way, one after the other: by the client, and by the stream in the same steps. */
export function clientContests(): Contest[] {
  const ways: Readonly<Record<string, (module: ModuleProcess) => Call>> = {
    client: (module) => withMethods(module, shapes)['echo-async'],
    'openStream by hand': (module) => async (payload) => {
      const stream = module.openStream('echo-async');
      await stream.send(payload);
      stream.end();
      let answer: Uint8Array | undefined;
      for await (const chunk of stream) answer = chunk;
      return answer;
    },
  };
  return [
    {
      scope: 'client',
      title: '64 B, a call, p50',
      unit: 'µs',
      contestants: Object.entries(ways).map(
        ([name, callOf]) =>
          () =>
            callsOf(name, callOf),
      ),
      inverted: true,
      // A client may cost 15 % more.
      targets: [{ of: 'client', against: 'openStream by hand', atLeast: 1 / 1.15 }],
    },
  ];
}

async function callsOf(name: string, callOf: (module: ModuleProcess) => Call): Promise<Contestant> {
  const module = spawnLoadModule();
  await module.initialize();
  const call = callOf(module);
  const payload = new Uint8Array(64).fill(0xa5);
  const peer = { name, pid: module.pid ?? 0, close: async () => void (await module.close()) };
  return latency(peer, async () => {
    const answer = await call(payload);
    if (answer?.length !== payload.length) throw new Error(`${name}: an answer of ${answer?.length} bytes`);
  });
}
