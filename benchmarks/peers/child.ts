import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { siblingFile } from '../harness/sibling-file.ts';

/** A peer's own process: a file of this folder, with its standard streams piped and stderr on ours. */
export function startPeer(
  file: string,
  args: readonly string[] = [],
  nodeArgs: readonly string[] = [],
): PeerChild {
  const path = siblingFile(import.meta.url, `./${file}`);
  return new PeerChild(
    spawn(process.execPath, [...nodeArgs, path, ...args], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] }),
  );
}

export class PeerChild {
  readonly process: ChildProcess;
  readonly stdin;
  readonly stdout;
  /** Resolves when the process is gone. */
  readonly exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    if (child.stdin === null || child.stdout === null) throw new Error('The peer has no standard streams.');
    this.process = child;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    this.exited = once(child, 'exit');
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** The next message that the peer sends by `process.send`. @throws Error when it exits instead */
  async message(): Promise<unknown> {
    const gone = this.exited.then(() => {
      throw new Error('The peer has exited.');
    });
    const [message] = (await Promise.race([once(this.process, 'message'), gone])) as unknown[];
    return message;
  }

  /** Sends `message` and waits for what comes back. */
  async ask(message: object): Promise<unknown> {
    const answer = this.message();
    this.process.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    this.process.kill();
    await this.exited;
  }
}
