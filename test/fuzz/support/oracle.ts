import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { schemaFileOf } from '../../support/capnp.ts';
import type { DigestWords } from './digest.ts';

const SOURCE = fileURLToPath(new URL('../oracle.c++', import.meta.url));
const SCHEMA_FOLDER = fileURLToPath(new URL('../../../schema/', import.meta.url));
const QUESTION_BYTES = 8;
const ANSWER_BYTES = 5;

/** `read`: what does it say; `rebuild`: the same message in segments of that many words. */
export interface Question {
  readonly op: 'read' | 'rebuild';
  /** An index into the structs that the oracle was started with. */
  readonly struct: number;
  readonly bytes: Uint8Array;
  /** Words of a segment; for `read`, 1 asks for the reason of a refusal. */
  readonly option?: number;
}

export interface Answer {
  readonly taken: boolean;
  /** A digest, a rebuilt message, or the reason of a refusal. */
  readonly bytes: Uint8Array;
}

/** Compiles the oracle into a folder of its own. @throws Error that says what is missing */
export function compileOracle(): string {
  const program = join(mkdtempSync(join(tmpdir(), 'ixt-oracle-')), 'oracle');
  const libraries = ['-lcapnpc', '-lcapnp', '-lkj'];
  const ran = spawnSync('g++', ['-std=c++17', '-O2', '-o', program, SOURCE, ...libraries]);
  if (ran.status !== 0) {
    const hint = "the fuzz tests need g++ and Cap'n Proto's library: apt-get install g++ libcapnp-dev";
    throw new Error(`${hint}\n${ran.error?.message ?? ran.stderr.toString().slice(0, 4000)}`);
  }
  return program;
}

/** Starts a compiled oracle on both schemas. */
export function startOracle(program: string, structs: readonly string[]): Asker {
  const names = structs.map((struct) => `${schemaFileOf(struct)}:${struct}`);
  return new Asker(spawn(program, [SCHEMA_FOLDER, ...names], { stdio: ['pipe', 'pipe', 'inherit'] }));
}

interface Waiting {
  readonly answers: Answer[];
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A child that answers questions about messages, in order: the C++ oracle, or another reader that speaks its format. */
export class Asker {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Waiting[] = [];
  #buffered: Buffer[] = [];
  #bufferedBytes = 0;
  #needed = ANSWER_BYTES;
  #ended: Error | undefined;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    // What could not be written is told by the exit.
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.#end(error));
    child.once('exit', (code, signal) =>
      this.#end(new Error(`the reader's process ended with ${code ?? signal}`)),
    );
  }

  /** The answers to all of them, in their order; rejects when the process dies over one. */
  async ask(questions: readonly Question[]): Promise<Answer[]> {
    if (this.#ended !== undefined) throw this.#ended;
    if (questions.length === 0) return [];
    const answers: Answer[] = [];
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ answers, count: questions.length, resolve, reject });
    });
    this.#child.stdin.write(encode(questions));
    await done;
    return answers;
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #onChunk(chunk: Buffer): void {
    this.#buffered.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes < this.#needed) return;
    const bytes = Buffer.concat(this.#buffered);
    let at = 0;
    this.#needed = ANSWER_BYTES;
    while (bytes.length - at >= ANSWER_BYTES) {
      const length = bytes.readUInt32LE(at + 1);
      if (bytes.length - at < ANSWER_BYTES + length) {
        this.#needed = ANSWER_BYTES + length;
        break;
      }
      const start = at + ANSWER_BYTES;
      this.#onAnswer({
        taken: bytes[at] === 1,
        bytes: new Uint8Array(bytes.subarray(start, start + length)),
      });
      at = start + length;
    }
    this.#buffered = [bytes.subarray(at)];
    this.#bufferedBytes = bytes.length - at;
  }

  #onAnswer(answer: Answer): void {
    const first = this.#waiting[0];
    if (first === undefined) return;
    first.answers.push(answer);
    if (first.answers.length < first.count) return;
    this.#waiting.shift();
    first.resolve();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

/** The digest in an answer to `read`. */
export function digestOf({ bytes }: Answer): DigestWords {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { low: view.getUint32(0, true), high: view.getUint32(4, true) };
}

function encode(questions: readonly Question[]): Buffer {
  const total = questions.reduce((sum, { bytes }) => sum + QUESTION_BYTES + bytes.length, QUESTION_BYTES);
  const out = Buffer.alloc(total);
  let at = 0;
  for (const { op, struct, option = 0, bytes } of questions) {
    out[at] = (op === 'read' ? 'R' : 'B').charCodeAt(0);
    out[at + 1] = struct;
    out.writeUInt16LE(option, at + 2);
    out.writeUInt32LE(bytes.length, at + 4);
    out.set(bytes, at + QUESTION_BYTES);
    at += QUESTION_BYTES + bytes.length;
  }
  out[at] = 'F'.charCodeAt(0);
  return out;
}
