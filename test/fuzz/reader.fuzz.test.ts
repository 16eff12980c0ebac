import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { disagreement, judge, STRUCTS } from './support/judge.ts';
import { compileOracle, startOracle } from './support/oracle.ts';
import { SHARED_WORDS, type FuzzResult, type FuzzSettings } from './support/run.ts';

const SECONDS = Number(process.env['IXT_FUZZ_SECONDS'] ?? 30);
const SEED = Number(process.env['IXT_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SHARED_BYTES = 1 << 20;
/** No message takes this long, whatever else the machine does. */
const HANG_MS = 15_000;

/** Node 20 doesn't take tsx over to a thread by itself. */
const BOOTSTRAP = `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => register())
    .then(() => import(${JSON.stringify(new URL('./support/run.ts', import.meta.url).href)}));`;

const oracle = compileOracle();
after(() => rmSync(dirname(oracle), { recursive: true }));

/** Messages that were hard for some reader once: `corpus/STRUCT-name.bin`, whole messages. */
const corpus = readdirSync(new URL('corpus/', import.meta.url)).map((file) => ({
  file,
  struct: file.split('-')[0]!,
  bytes: new Uint8Array(readFileSync(new URL(`corpus/${file}`, import.meta.url))),
}));

test('every message of the corpus is read as by the reference, or refused', async () => {
  assert.ok(corpus.length >= 0, `${corpus.length} files`);
  const reference = startOracle(oracle, STRUCTS);
  const cases = corpus.map(({ struct, bytes }) => ({ struct: STRUCTS.indexOf(struct), bytes, sound: false }));
  const answers = await reference.ask(
    cases.map(({ struct, bytes }) => ({ op: 'read', struct, bytes, option: 1 })),
  );
  await reference.close();
  const wrong = cases.map((one, i) => disagreement(one, judge(one), answers[i]!));
  assert.deepEqual(wrong.map((what, i) => what && `${corpus[i]!.file}: ${what}`).filter(Boolean), []);
});

test(`${SECONDS} s of damaged messages: never more lenient than the reference, never other values`, async (t) => {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const settings: FuzzSettings = { seed: SEED, seconds: SECONDS, oracle, corpus, shared };
  const started = performance.now();
  const { findings, ...result } = await watched(settings);
  const rate = Math.round((result.messages / (performance.now() - started)) * 1000);
  t.diagnostic(`seed ${SEED}, ${rate} messages a second: ${JSON.stringify(result)}`);
  const told = findings.map(({ what, struct, hex }) => `${struct}: ${what}\n  ${hex}\n`);
  if (told.length > 0) assert.fail(`IXT_FUZZ_SEED=${SEED} npm run test:fuzz\n${told.join('')}`);
  assert.ok(
    result.taken > result.messages / 20,
    'hardly a message is sound: the checks behind the first are not reached',
  );
  assert.ok(result.esAsked > 0);
});

/** Runs the fuzzer and fails with the message that it was at when it hangs or dies. */
async function watched(settings: FuzzSettings): Promise<FuzzResult> {
  const worker = new Worker(BOOTSTRAP, { eval: true, workerData: settings });
  const words = new Int32Array(settings.shared, 0, SHARED_WORDS.bytes);
  let last = 0;
  let since = performance.now();
  let stop: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    stop = (error) => {
      const length = words[SHARED_WORDS.length] ?? 0;
      const bytes = new Uint8Array(settings.shared, SHARED_WORDS.bytes * 4, length);
      const at = `message ${last} of seed ${settings.seed}, as ${STRUCTS[words[SHARED_WORDS.struct] ?? 0]}`;
      reject(new Error(`${error.message} at ${at}: ${Buffer.from(bytes).toString('hex')}`, { cause: error }));
    };
    worker.once('error', stop);
  });
  const timer = setInterval(() => {
    const count = Atomics.load(words, SHARED_WORDS.count);
    if (count !== last) [last, since] = [count, performance.now()];
    else if (last > 0 && performance.now() - since > HANG_MS) stop(new Error('the fuzzer hangs'));
  }, 500);
  try {
    const done = new Promise<FuzzResult>((resolve) => worker.once('message', resolve));
    return await Promise.race([done, failed]);
  } finally {
    clearInterval(timer);
    await worker.terminate();
  }
}
