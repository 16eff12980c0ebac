import type { LiveBatch } from '../../src/live/page.ts';
import { LaneModel } from './lane-model.ts';

/** The lanes of the process that the page listens to. The canvas looks at them for each picture that it draws. */
class LanesStore {
  readonly model = new LaneModel();

  take(events: LiveBatch): void {
    for (const event of events) this.model.take(event);
  }
}

export const lanes = new LanesStore();
