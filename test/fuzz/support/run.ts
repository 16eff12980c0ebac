/** The thread that fuzzes; `reader.fuzz.test.ts` starts it and watches it, since a reader that hangs can't tell. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { disagreement, judge, MemoryWatch, sameDigest, STRUCTS, type Case, type Verdict } from './judge.ts';
import { Dice, generate } from './generate.ts';
import { mutate } from './mutate.ts';
import { Asker, digestOf, startOracle, type Answer } from './oracle.ts';
import { buildMessage, readLayout } from '../../support/layout.ts';

export interface FuzzSettings {
  readonly seed: number;
  readonly seconds: number;
  /** The compiled oracle. */
  readonly oracle: string;
  /** Messages to begin with, beside those that are generated. */
  readonly corpus: readonly { readonly struct: string; readonly bytes: Uint8Array }[];
  /** The message under test, for the watcher: its number, its struct, its length, its bytes. */
  readonly shared: SharedArrayBuffer;
}

/** Words of {@link FuzzSettings.shared} ahead of the bytes. */
export const SHARED_WORDS = { count: 0, struct: 1, length: 2, bytes: 4 } as const;

export interface Finding {
  readonly what: string;
  readonly struct: string;
  readonly hex: string;
}

export interface FuzzResult {
  readonly messages: number;
  readonly taken: number;
  /** Refusals by kind. */
  readonly refused: Readonly<Record<string, number>>;
  readonly esAsked: number;
  /** Damaged messages of those, taken by ours and the reference, that capnp-es refused or read as other values. */
  readonly esDiffers: number;
  /** Messages that ended a process of capnp-es. */
  readonly esDeaths: number;
  readonly findings: readonly Finding[];
}

const SEEDS = 512;
const NEW_SEEDS = 64;
const MUTANTS = 4096;
const ES_PER_BATCH = 96;
const MAX_FINDINGS = 5;
const MAX_SEGMENT_WORDS = 1024;

class Fuzzer {
  readonly #settings: FuzzSettings;
  readonly #layout = readLayout();
  readonly #dice: Dice;
  readonly #oracle: Asker;
  readonly #memory = new MemoryWatch();
  readonly #seeds: Case[] = [];
  readonly #findings: Finding[] = [];
  readonly #refused: Record<string, number> = {};
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #es: Asker | undefined;
  #esTurn: Promise<void> = Promise.resolve();
  #messages = 0;
  #taken = 0;
  #esAsked = 0;
  #esDiffers = 0;
  #esDeaths = 0;

  constructor(settings: FuzzSettings) {
    this.#settings = settings;
    this.#dice = new Dice(settings.seed);
    this.#oracle = startOracle(settings.oracle, STRUCTS);
    this.#words = new Int32Array(settings.shared, 0, SHARED_WORDS.bytes);
    this.#bytes = new Uint8Array(settings.shared, SHARED_WORDS.bytes * 4);
    for (const { struct, bytes } of settings.corpus)
      this.#seeds.push({ struct: STRUCTS.indexOf(struct), bytes, sound: false });
  }

  async run(): Promise<FuzzResult> {
    const end = performance.now() + this.#settings.seconds * 1000;
    // The three processes work at once: what this batch needs of the oracle was asked for during the last.
    let fresh = this.#generate();
    while (performance.now() < end && this.#findings.length < MAX_FINDINGS) {
      const sound = await fresh;
      fresh = this.#generate();
      await this.#batch(sound);
    }
    await fresh;
    await this.#esTurn;
    await this.#oracle.close();
    await this.#es?.close();
    return {
      messages: this.#messages,
      taken: this.#taken,
      refused: this.#refused,
      esAsked: this.#esAsked,
      esDiffers: this.#esDiffers,
      esDeaths: this.#esDeaths,
      findings: this.#findings,
    };
  }

  async #batch(sound: readonly Case[]): Promise<void> {
    for (const seed of sound) {
      if (this.#seeds.length < SEEDS) this.#seeds.push(seed);
      else this.#seeds[this.#dice.below(SEEDS)] = seed;
    }
    const cases = [...sound, ...Array.from({ length: MUTANTS }, () => this.#mutant())];
    const asked = this.#oracle.ask(cases.map(({ struct, bytes }) => ({ op: 'read', struct, bytes })));
    const verdicts = cases.map((one) => this.#judge(one));
    const answers = await asked;
    const taken: { of: Case; answer: Answer }[] = [];
    for (const [i, of] of cases.entries()) {
      const verdict = verdicts[i];
      const answer = answers[i]!;
      if (verdict === undefined) continue;
      const wrong = disagreement(of, verdict, answer);
      if (this.#findings.length >= MAX_FINDINGS) return;
      if (wrong !== undefined) await this.#found(of, wrong);
      else if (verdict.taken) taken.push({ of, answer });
    }
    await this.#esTurn;
    this.#esTurn = this.#askEs(taken);
  }

  /** New sound messages, in segments of every size that the reference makes. */
  async #generate(): Promise<Case[]> {
    const plain = Array.from({ length: NEW_SEEDS }, () => {
      const struct = this.#dice.below(STRUCTS.length);
      const value = generate(this.#dice, this.#layout, STRUCTS[struct]!);
      return { struct, bytes: buildMessage(this.#layout, STRUCTS[struct]!, value) };
    });
    const rebuilt = await this.#oracle.ask(
      plain.map((one) => ({ op: 'rebuild', ...one, option: this.#dice.upTo(MAX_SEGMENT_WORDS) })),
    );
    return plain.map(({ struct }, i): Case => {
      const { taken, bytes } = rebuilt[i]!;
      if (!taken) throw new Error(`the reference refuses what was generated: ${STRUCTS[struct]}`);
      // With the smallest segments a message may need more of them than any reader takes.
      const segments = new DataView(bytes.buffer).getUint32(0, true) + 1;
      return { struct, bytes, sound: segments < 512 };
    });
  }

  #mutant(): Case {
    const dice = this.#dice;
    const from = dice.pick(this.#seeds);
    const struct = dice.oneIn(10) ? dice.below(STRUCTS.length) : from.struct;
    return { struct, bytes: mutate(dice, from.bytes, dice.pick(this.#seeds).bytes), sound: false };
  }

  #judge(of: Case): Verdict | undefined {
    const { bytes, struct } = of;
    this.#bytes.set(bytes);
    this.#words[SHARED_WORDS.struct] = struct;
    this.#words[SHARED_WORDS.length] = bytes.length;
    Atomics.store(this.#words, SHARED_WORDS.count, ++this.#messages);
    try {
      const verdict = judge(of);
      const what = verdict.taken ? undefined : 'what' in verdict.error ? verdict.error.what : 'over-limit';
      if (what === undefined) this.#taken++;
      else this.#refused[what] = (this.#refused[what] ?? 0) + 1;
      const greedy = this.#memory.add(of);
      if (greedy !== undefined)
        this.#report(greedy, 'reading it takes more than its size and 2 MiB of memory');
      return verdict;
    } catch (error) {
      this.#report(of, String(error instanceof Error ? error.stack : error));
      return undefined;
    }
  }

  /** A sound message says the same to capnp-es. Of a damaged one it makes what it will: that is counted, and shows why it gets none. */
  async #askEs(taken: readonly { of: Case; answer: Answer }[]): Promise<void> {
    // The sound ones are the first.
    const asked = taken.slice(0, ES_PER_BATCH);
    this.#es ??= startEs();
    let answers: Answer[];
    try {
      const all = this.#es.ask(asked.map(({ of: { struct, bytes } }) => ({ op: 'read', struct, bytes })));
      answers = await inTime(all, this.#es);
    } catch {
      // One of them ended the process or held it up: that is why nothing unchecked may reach it.
      this.#esDeaths++;
      this.#es = undefined;
      return;
    }
    this.#esAsked += asked.length;
    for (const [i, { of, answer }] of asked.entries()) {
      const theirs = answers[i]!;
      const differs = !theirs.taken || !sameDigest(digestOf(theirs), digestOf(answer));
      if (!differs) continue;
      if (of.sound) this.#report(of, 'capnp-es does not read what the reference and ours read');
      else this.#esDiffers++;
    }
  }

  async #found(of: Case, what: string): Promise<void> {
    const again = async (bytes: Uint8Array): Promise<string | undefined> => {
      const one = { ...of, bytes };
      const [answer] = await this.#oracle.ask([{ op: 'read', struct: of.struct, bytes, option: 1 }]);
      return disagreement(one, judge(one), answer!);
    };
    // Without the numbers, since they name places.
    const kind = (text: string | undefined): string | undefined => text?.replace(/\d+/g, '');
    const bytes = of.bytes.slice();
    for (let at = bytes.length & ~7; at >= 8 && bytes.length < 4096; at -= 8) {
      const without = bytes.slice();
      without.fill(0, at, at + 8);
      if (kind(await again(without)) === kind(what)) bytes.set(without);
    }
    this.#report({ ...of, bytes }, (await again(bytes)) ?? what);
  }

  #report({ struct, bytes }: Case, what: string): void {
    this.#findings.push({ what, struct: STRUCTS[struct]!, hex: Buffer.from(bytes).toString('hex') });
  }
}

function startEs(): Asker {
  const child = fileURLToPath(new URL('es-child.ts', import.meta.url));
  const args = ['--max-old-space-size=256', '--import', 'tsx', child, ...STRUCTS];
  return new Asker(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] }));
}

async function inTime<T>(answers: Promise<T>, asker: Asker): Promise<T> {
  const timer = setTimeout(() => asker.kill(), 8_000);
  try {
    return await answers;
  } finally {
    clearTimeout(timer);
  }
}

if (parentPort !== null) {
  // Most messages are refused, and nobody reads these stacks.
  Error.stackTraceLimit = 0;
  parentPort.postMessage(await new Fuzzer(workerData as FuzzSettings).run());
}
