import type { DifferenceView, ReplayView } from '../../live/page.ts';
import { compareExchange, type Difference } from '../recording/compare.ts';
import type { ReadEvent } from '../recording/read-events.ts';
import type { WireEvent } from '../recording/timeline.ts';
import { playTo, type ModuleCommand } from '../replay/play.ts';
import { count } from '../terminal/format.ts';
import type { RecordingPages } from './recording-pages.ts';

/** Time to wait for a message that the module may not send any more, in ms. Somebody looks at the page meanwhile. */
const PATIENCE_MS = 2000;
/** Differences that are shown, and what is kept of the module's standard error, in UTF-16 units. */
const MAX_DIFFERENCES = 200;
const MAX_STDERR = 16 << 10;

/**
 * Plays one stream or request of a recording to a module, with what belongs to all of them: the first greeting, key-value changes,
 * and the answers to service requests, of which the wire doesn't say whose they are.
 *
 * @throws CliError where the module can't be started
 */
export async function replayExchange(
  pages: RecordingPages,
  key: string,
  target: ModuleCommand,
  file: string,
): Promise<ReplayView> {
  const events = eventsOf(pages.events, key);
  let stderr = '';
  const { recorded, replayed } = await playTo(target, events, {
    startedUnixMs: pages.recording.header.startedUnixMs,
    patienceMs: PATIENCE_MS,
    onStderr: (bytes) => (stderr = (stderr + Buffer.from(bytes).toString()).slice(-MAX_STDERR)),
  });
  const id = pages.exchange(key)?.id;
  // An id that came back begins anew in what was played, so its number of lives differs from the recording's.
  const exchange = [...recorded.exchanges.values()].find((each) => each.id === id);
  if (exchange === undefined) return { differences: [], file, stderr };
  const said = replayed.exchanges.get(exchange.key)?.said ?? [];
  const differences = compareExchange(exchange, said, {
    ignoredMethods: new Set(),
    ignoreBoundaries: false,
  });
  return { differences: differences.slice(0, MAX_DIFFERENCES).map(differenceView), file, stderr };
}

function eventsOf(events: readonly ReadEvent[], key: string): WireEvent[] {
  const greetings = new Set(
    events.filter(({ message }) => message?.content.kind === 'initialize').map(({ exchange }) => exchange),
  );
  const chosen = events.filter(({ message, exchange }) => {
    const kind = message?.content.kind;
    const isShared = kind === 'kvChange' || kind === 'serviceRequest' || kind === 'serviceResponse';
    return isShared || (exchange !== undefined && (exchange.key === key || greetings.has(exchange)));
  });
  const last = chosen.at(-1)?.event.at ?? 0;
  return [...chosen.map(({ event }) => event), { kind: 'end', from: 'host', at: last }];
}

function differenceView({ kind, frame, byte, recorded, replayed }: Difference): DifferenceView {
  const place = frame === undefined ? '' : ` frame ${count(frame)}`;
  const inFrame = byte === undefined ? '' : `, byte ${count(byte)}`;
  return { kind, place: place + inFrame, recorded, replayed };
}
