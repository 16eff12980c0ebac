import type { LiveBatch, PageMessage } from '../../src/live/page.ts';
import { lanes } from '../lanes/lanes-store.ts';
import { page } from '../base/page-store.ts';

/**
 * Listens to what the server tells for as long as the page is open. Both connections come back by themselves: the feed when the
 * server does, the live events when the module's next child does.
 */
export function listenToServer(): void {
  const feed = new EventSource('feed');
  feed.onopen = () => page.setConnected(true);
  feed.onerror = () => page.setConnected(false);
  feed.onmessage = ({ data }: MessageEvent<string>) => page.take(JSON.parse(data) as PageMessage[]);
  const live = new EventSource('live');
  live.onmessage = ({ data }: MessageEvent<string>) => {
    const batch = parsed(data);
    if (batch === undefined) return;
    lanes.take(batch);
    for (const event of batch) if (event.kind === 'figures') page.addFigures(event);
  };
}

/** A socket that is not of our `serve` may say anything. */
function parsed(text: string): LiveBatch | undefined {
  try {
    return JSON.parse(text) as LiveBatch;
  } catch {
    return undefined;
  }
}
