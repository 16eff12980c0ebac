import { Breach } from './breach.ts';
import type { ConformCase, ConformMethod } from './case.ts';
import { CONFORM_CASES } from './cases/index.ts';
import { ModuleChild } from './module-child.ts';
import type { CaseResult } from './report.ts';

export interface Questions {
  /** The module under test, with its protocol on standard input and output. */
  readonly command: readonly [string, ...string[]];
  /** The methods that it has. */
  readonly methods: ReadonlySet<ConformMethod>;
  /** Only the cases whose sentence contains this text. */
  readonly only?: string | undefined;
  /** For one case, in ms; then its child is killed. */
  readonly timeoutMs: number;
}

/** Asks the module one case after the other. No child is left when this is over, whatever ends it. */
export async function* askAll(questions: Questions): AsyncGenerator<CaseResult> {
  const children = new Children(questions.command);
  const killAll = (): void => children.killAll();
  process.once('exit', killAll);
  try {
    for (const one of CONFORM_CASES) {
      if (one.name.includes(questions.only ?? '')) yield await ask(one, questions, children);
    }
  } finally {
    killAll();
    process.off('exit', killAll);
  }
}

async function ask(
  one: ConformCase,
  { methods, timeoutMs }: Questions,
  children: Children,
): Promise<CaseResult> {
  const { name, rule } = one;
  const missing = one.needs.filter((method) => !methods.has(method));
  if (missing.length > 0) return { name, rule, outcome: 'left out', ms: 0, missing };
  const started = performance.now();
  const child = children.childFor(one);
  const timer = setTimeout(() => child.timeOut(timeoutMs), timeoutMs);
  try {
    child.transcript.clear();
    if (one.child !== 'untouched' && !child.isInitialized) await child.initialize();
    await one.run(child);
    await child.settle();
    return { name, rule, outcome: 'ok', ms: performance.now() - started };
  } catch (error) {
    // Whatever else is thrown is a mistake of ours.
    if (!(error instanceof Breach)) throw error;
    const { expected, seen } = error;
    const ms = performance.now() - started;
    const { stderr, transcript } = child;
    child.kill();
    return { name, rule, outcome: 'broken', ms, expected, seen, frames: transcript.lines(), stderr };
  } finally {
    clearTimeout(timer);
    if (one.child !== 'shared') child.kill();
  }
}

/** The child that cases share while it is sound, and those that have one for themselves. */
class Children {
  readonly #command: readonly [string, ...string[]];
  readonly #all = new Set<ModuleChild>();
  #shared: ModuleChild | undefined;

  constructor(command: readonly [string, ...string[]]) {
    this.#command = command;
  }

  childFor({ child }: ConformCase): ModuleChild {
    if (child !== 'shared') return this.#start();
    if (this.#shared?.isSound !== true) this.#shared = this.#start();
    return this.#shared;
  }

  killAll(): void {
    for (const child of this.#all) child.kill();
  }

  #start(): ModuleChild {
    const child = new ModuleChild(this.#command);
    this.#all.add(child);
    return child;
  }
}
