import { complain } from '../terminal/failure.ts';
import { count, plural, wrapped } from '../terminal/format.ts';
import {
  compareConversations,
  compareExits,
  type CompareRules,
  type Difference,
} from '../recording/compare.ts';
import { readRecording } from '../recording/read-file.ts';
import { timelineOf } from '../recording/timeline.ts';
import { commandOfFile, playTo } from './play.ts';

export interface ReplayOptions extends CompareRules {
  readonly recording: string;
  /** Undefined: the recorded command, in the folder where it ran. */
  readonly module: string | undefined;
  readonly workers: number | undefined;
  readonly patienceMs: number;
  readonly isJson: boolean;
}

/** Differences shown of one stream: a handler that has changed may differ in each of a million frames. */
const SHOWN_EACH = 5;

/** @returns the exit code: 0 for no difference, 1 for some */
export async function runReplay(options: ReplayOptions): Promise<number> {
  const { header, entries, isCut } = await readRecording(options.recording);
  const events = timelineOf(entries);
  if (isCut) complain('ixt-module: the recording ends inside an entry; it is replayed up to there');
  const { module, workers, patienceMs } = options;
  const target = module === undefined ? header : await commandOfFile(module, workers);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { recorded, replayed, exit } = await playTo(target, events, {
    startedUnixMs: header.startedUnixMs,
    patienceMs,
    onStderr: (bytes) => void process.stderr.write(bytes),
    signal: interrupted.signal,
  });
  const recordedExit = events.find((event) => event.kind === 'exit')?.exit;
  const differences = [
    ...compareConversations(recorded, replayed, options),
    ...compareExits(recordedExit, exit),
  ];
  const exchanges = [...recorded.exchanges.values()];
  const streams = exchanges.filter(({ isStream }) => isStream).length;
  const requests = exchanges.length - streams;
  const text = options.isJson
    ? JSON.stringify({ streams, requests, differences })
    : renderReport(streams, requests, differences);
  process.stdout.write(`${text}\n`);
  return differences.length === 0 ? 0 : 1;
}

/** The differences for a person, sorted by where they are. */
function renderReport(streams: number, requests: number, differences: readonly Difference[]): string {
  const lines: string[] = [];
  const places = new Map<string, Difference[]>();
  for (const difference of differences) {
    const there = places.get(difference.where);
    if (there === undefined) places.set(difference.where, [difference]);
    else there.push(difference);
  }
  for (const [where, there] of places) {
    lines.push(where);
    for (const difference of there.slice(0, SHOWN_EACH)) lines.push(...renderDifference(difference));
    if (there.length > SHOWN_EACH)
      lines.push(`  and ${plural(there.length - SHOWN_EACH, 'difference')} more`);
  }
  lines.push(
    `${plural(streams, 'stream')} and ${plural(requests, 'request')} replayed: ${plural(differences.length, 'difference')}`,
  );
  return lines.join('\n');
}

function renderDifference({ kind, frame, byte, recorded, replayed }: Difference): string[] {
  const place =
    frame === undefined ? '' : ` frame ${count(frame)}${byte === undefined ? '' : `, byte ${count(byte)}`}`;
  return [
    `  ${kind}${place}`,
    ...wrapped(`    recorded: ${recorded ?? 'nothing'}`, 14),
    ...wrapped(`    replayed: ${replayed ?? 'nothing'}`, 14),
  ];
}
