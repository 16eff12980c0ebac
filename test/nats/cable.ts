import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { NatsServer } from './server.ts';

/** A way to a server that can be cut as a network is: bytes stay where they are, and neither end is told. */
export class Cable {
  readonly url: string;
  readonly #pairs: (readonly [near: Socket, far: Socket])[] = [];
  #isCut = false;

  static async to(t: TestContext, server: NatsServer): Promise<Cable> {
    const listener = createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const cable = new Cable((listener.address() as AddressInfo).port);
    listener.on('connection', (near) => cable.#add(near, connect(server.port, '127.0.0.1')));
    t.after(() => {
      listener.close();
      for (const socket of cable.#pairs.flat()) socket.destroy();
    });
    return cable;
  }

  private constructor(port: number) {
    this.url = `nats://127.0.0.1:${port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  mend(): void {
    this.#isCut = false;
    for (const [near, far] of this.#pairs) join(near, far);
  }

  #add(near: Socket, far: Socket): void {
    this.#pairs.push([near, far]);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!this.#isCut) other.destroy();
      });
    }
    if (!this.#isCut) join(near, far);
  }
}

function join(near: Socket, far: Socket): void {
  if (near.destroyed || far.destroyed) {
    near.destroy();
    far.destroy();
    return;
  }
  near.pipe(far);
  far.pipe(near);
}
