import { spawnLoadModule } from '../ixt.ts';
import { WORKERS, type Alternative } from './alternative.ts';

/** This project. A host starts a new child when the old one is gone; lost threads are the child's business. */
export async function ixtAlternative(): Promise<Alternative> {
  const start = async () => {
    const started = spawnLoadModule({ workers: WORKERS });
    await started.initialize();
    return started;
  };
  let module = await start();
  const only = async (method: string, metadata: Readonly<Record<string, string>>, signal?: AbortSignal) => {
    const stream = module.openStream(method, { metadata, ...(signal === undefined ? {} : { signal }) });
    stream.end();
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return {
    picture: (part) =>
      only(
        'mandelbrot',
        Object.fromEntries(Object.entries(part).map(([key, value]) => [key, String(value)])),
      ),
    async hash({ chunk, chunks }) {
      const stream = module.openStream('hash-input');
      for (let left = chunks; left > 0; left--) {
        if (!stream.trySend(chunk)) await stream.send(chunk);
      }
      stream.end();
      let digest = new Uint8Array(0);
      for await (const bytes of stream) digest = Uint8Array.from(bytes);
      return digest;
    },
    ping: () => module.health(),
    work: async (milliseconds, signal) => void (await only('compute', { ms: String(milliseconds) }, signal)),
    async crash(how) {
      await only('crash', { how }).catch(() => undefined);
      if (how === 'exit') return;
      await module.exited;
      module = await start();
    },
    close: async () => void (await module.close({ drainMs: 0 })),
  };
}
