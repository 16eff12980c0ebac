import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { startChild } from '../../host/transport/child-io.ts';
import { packageRoot } from '../../base/package-files.ts';
import { EXIT } from '../../main/options.ts';
import { complain, CliError } from '../terminal/failure.ts';
import { count, plural, wrapped } from '../terminal/format.ts';
import { checkModuleFile } from '../open-module.ts';
import {
  compareConversations,
  compareExits,
  type CompareRules,
  type Difference,
} from '../recording/compare.ts';
import type { RecordedExit, RecordingHeader } from '../recording/file-format.ts';
import { readRecording } from '../recording/read-file.ts';
import { timelineOf } from '../recording/timeline.ts';
import { ReplayPlayer } from './player.ts';

export interface ReplayOptions extends CompareRules {
  readonly recording: string;
  /** Undefined: the recorded command, in the folder where it ran. */
  readonly module: string | undefined;
  readonly workers: number | undefined;
  readonly patienceMs: number;
  readonly isJson: boolean;
}

/** A module that doesn't end by itself when its host has gone is killed after that time, in ms. */
const EXIT_MS = 15_000;
/** Differences shown of one stream: a handler that has changed may differ in each of a million frames. */
const SHOWN_EACH = 5;

/** @returns the exit code: 0 for no difference, 1 for some */
export async function runReplay(options: ReplayOptions): Promise<number> {
  const { header, entries, isCut } = await readRecording(options.recording);
  const events = timelineOf(entries);
  if (isCut) complain('ixt-module: the recording ends inside an entry; it is replayed up to there');
  const { command, cwd } = await commandOf(options, header);
  const io = startChild({ command, cwd, transport: 'socket', env: process.env });
  io.stderr.on('data', (bytes: Uint8Array) => void process.stderr.write(bytes));
  const exited = exitOf(io.child);
  const player = new ReplayPlayer(io, header.startedUnixMs, options.patienceMs);
  const interrupted = (): boolean => io.child.kill();
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  let timer: NodeJS.Timeout | undefined;
  const played = player.play(events).then(() => {
    io.writable.end();
    timer = setTimeout(() => io.child.kill('SIGKILL'), EXIT_MS);
  });
  // Both: a command that can't be started must not be played to.
  const [exit] = await Promise.all([exited, played]);
  clearTimeout(timer);
  const { recorded, replayed } = player.result();
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

async function commandOf(
  { module, workers }: ReplayOptions,
  header: RecordingHeader,
): Promise<{ command: readonly string[]; cwd: string | undefined }> {
  if (module === undefined) return { command: header.command, cwd: header.cwd };
  await checkModuleFile(module);
  const flags = workers === undefined ? [] : ['--workers', String(workers)];
  const runner = join(packageRoot(), 'bin/ixt-module');
  return { command: ['/bin/sh', runner, 'serve', module, ...flags], cwd: undefined };
}

/** Settles when the child is gone and what it wrote is read. */
function exitOf(child: ChildProcess): Promise<RecordedExit> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const mend = 'Give the module with --module FILE, or start replay where the recorded command can run.';
      reject(new CliError(EXIT.usage, `the recorded command can't be started: ${error.message}`, mend));
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
