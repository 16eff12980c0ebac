import { randomBytes } from 'node:crypto';
import { ModuleError } from '../errors.ts';

/** One word between dots, as we write them: the server takes others and then means something else by them. */
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
/** Words between dots, for a prefix. */
const TOKENS = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$/;

/** A node's id: 128 random bits in hex. */
export type NodeId = string & { readonly brand: 'NodeId' };

/** `text` as the id of a node; undefined where it can't be one. */
export function parseNodeId(text: unknown): NodeId | undefined {
  return typeof text === 'string' && TOKEN.test(text) ? (text as NodeId) : undefined;
}

export function newNodeId(): NodeId {
  return randomId() as NodeId;
}

/** 128 random bits in hex, for what only those may know who were told. */
export function randomId(): string {
  return randomBytes(16).toString('hex');
}

/** The queue group in which the nodes with room stand. */
export const QUEUE_GROUP = 'q';

/** The subjects of one module. */
export class Subjects {
  readonly module: string;
  /** Whoever has a stream asks here, and one node with room gets it. */
  readonly want: string;
  /** Key-value changes, for every node. */
  readonly kv: string;
  readonly #nodes: string;

  /**
   * @param prefix words between dots, in front of all subjects
   * @param module its name
   * @throws ModuleError `invalidArgument` for a name or prefix that can't be part of a subject
   */
  constructor(prefix: string, module: string) {
    if (!TOKEN.test(module)) {
      const hint = 'use 1 to 64 letters, digits, - and _; on the command line, --name gives it another';
      throw new ModuleError(
        'invalidArgument',
        `The name '${module}' can't be part of a NATS subject: ${hint}.`,
      );
    }
    checkTokens('prefix', prefix);
    this.module = module;
    this.want = `${prefix}.${module}.want`;
    this.kv = `${prefix}.${module}.kv`;
    this.#nodes = `${prefix}.${module}.node`;
  }

  /** All that is for one node. */
  allOf(node: NodeId): string {
    return `${this.#nodes}.${node}.*`;
  }

  /** One session of a node. */
  session(node: NodeId, session: string): string {
    return `${this.#nodes}.${node}.${session}`;
  }

  /** Asks for a place of this node and no other. */
  wantOf(node: NodeId): string {
    return `${this.#nodes}.${node}.${WANT_TOKEN}`;
  }

  /** Gives a promised place back. */
  declineOf(node: NodeId): string {
    return `${this.#nodes}.${node}.${DECLINE_TOKEN}`;
  }
}

/** The last words of a node's subjects that are no sessions. */
export const WANT_TOKEN = 'want';
export const DECLINE_TOKEN = 'no';

/** @throws ModuleError `invalidArgument` for what isn't words between dots */
export function checkTokens(what: string, text: string): void {
  if (TOKENS.test(text)) return;
  throw new ModuleError(
    'invalidArgument',
    `The ${what} '${text}' can't begin a NATS subject: use words of letters, digits, - and _ with dots between.`,
  );
}
