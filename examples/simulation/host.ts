/** Prices an option until all paths are done, the time is up, or Ctrl-C: host.ts [PATHS] [SECONDS] */
import { ModuleError, spawnModule, withMethods } from 'ixt-sdk/host';
import { shapes } from './module.ts';

const [paths = '1000000', seconds = '60'] = process.argv.slice(2);
const option = {
  spot: 100,
  strike: 100,
  rate: 0.05,
  volatility: 0.2,
  years: 1,
  paths: Number(paths),
  seed: 1,
};

await using module = spawnModule({ file: new URL('./module.ts', import.meta.url), workers: 1 });
const { simulate } = withMethods(module, shapes);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

let [done, sum, squares] = [0, 0, 0];
try {
  const batches = simulate(option, {
    signal: stop.signal,
    deadline: Date.now() + Number(seconds) * 1000,
    onProgress: ({ done, total }) => console.error(`${done} of ${total}`),
  });
  for await (const batch of batches) {
    done += batch.paths;
    sum += batch.sum;
    squares += batch.squares;
  }
} catch (error) {
  // A call that was stopped has a result all the same: the batches that came before.
  if (!(error instanceof ModuleError) || !/^(cancelled|deadlineExceeded)$/.test(error.code)) throw error;
  console.log(`stopped: ${error.code}`);
}
const mean = sum / done;
const deviation = Math.sqrt((squares / done - mean ** 2) / done);
console.log(
  done === 0 ? 'no batch is done' : `price ${mean.toFixed(3)} ± ${deviation.toFixed(3)} of ${done} paths`,
);
