import type { LinkEvents, LinkSource, WorkerLink } from '../main/workers/worker-link.ts';
import type { SlotNumber } from '../shared-memory/region.ts';
import { OP } from '../threads/messages.ts';
import { readOps } from '../threads/op-batch.ts';
import type { WireLimits } from '../wire/capnp/limits.ts';
import { OpenReader } from '../worker/jobs/opened-stream.ts';

/** Kills the worker of a stream once so many of its Data frames have arrived. */
export class WorkerKills {
  /** The slot of the worker that a stream was given to. */
  readonly #slots = new Map<string, SlotNumber>();
  /** Frames after which a stream's worker is to be killed. */
  readonly #due = new Map<string, number>();
  readonly #kill: (slot: SlotNumber) => void;

  /** @param kill ends the worker on a slot */
  constructor(kill: (slot: SlotNumber) => void) {
    this.#kill = kill;
  }

  /** Gives the same threads, and notes which stream goes to which of them. */
  watch(links: LinkSource, limits: WireLimits): LinkSource {
    const opens = new OpenReader(limits);
    return {
      start: (slot: SlotNumber, events: LinkEvents): WorkerLink => {
        const link = links.start(slot, events);
        return {
          postBatch: (batch) => {
            const begun: string[] = [];
            readOps(batch, (kind, job, payload) => {
              if (kind === OP.open) begun.push(opens.read(job, payload).id);
            });
            link.postBatch(batch);
            for (const id of begun) this.#started(id, slot);
          },
          postTask: (task) => link.postTask(task),
          receive: () => link.receive(),
          loopActivity: () => link.loopActivity(),
          terminate: () => link.terminate(),
          close: () => link.close(),
        };
      },
    };
  }

  /** @param arrived Data frames so far; a stream that waits for its worker is killed when it has one */
  killAfter(id: string, frames: number, arrived: number): void {
    this.#due.set(id, frames);
    if (this.#slots.has(id)) this.arrived(id, arrived);
  }

  /** Kills the stream's worker if it is due: so many Data frames of the stream have arrived. */
  arrived(id: string, frames: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined || frames < (this.#due.get(id) ?? Infinity)) return;
    this.#due.delete(id);
    // Not while main is about to tell the worker more.
    queueMicrotask(() => this.#kill(slot));
  }

  #started(id: string, slot: SlotNumber): void {
    this.#slots.set(id, slot);
    this.arrived(id, 0);
  }
}
