/**
 * Where the time of one frame goes: CPU profiles of the child's main thread, of its workers and of the host.
 *
 *     npm run bench -- --profile echo
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameStages, type ProfiledThread } from './frame-stages.ts';
import { threadTimes, timesBetween } from './harness/thread-times.ts';
import { ixtPeer, type HandlerKind } from './peers/ixt.ts';
import type { Peer, Transfer } from './peers/peer.ts';

const maps = new Map<string, SourceMap>();
const stages = new FrameStages();
const [what = 'echo', kind = 'sync', bytesText = '64', secondsText = '4'] = process.argv.slice(2);
const seconds = Number(secondsText);
const payloadBytes = Number(bytesText);
const folder = mkdtempSync(join(tmpdir(), 'ixt-profile-'));
mkdirSync(folder, { recursive: true });
const peer = await ixtPeer({
  handlers: kind as HandlerKind,
  workers: what === 'source' ? 4 : 2,
  nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval', '200'],
});
const warmUp = await run(peer, 1);
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 200 });
session.post('Profiler.start');
const before = [threadTimes(process.pid), threadTimes(peer.pid)] as const;
const { frames, seconds: took } = await run(peer, seconds);
const host = timesBetween(before[0], threadTimes(process.pid));
const child = timesBetween(before[1], threadTimes(peer.pid));
const perFrame = (ns: number): string => (ns / 1000 / frames).toFixed(2);
console.log(
  `${what} ${kind} ${payloadBytes} B: ${Math.round(frames / took)}/s; µs of CPU each: host ${perFrame(host.main)} (+${perFrame(host.others)}), child main ${perFrame(child.main)}, child threads ${perFrame(child.others)}`,
);
session.post('Profiler.stop', (error, { profile }) => {
  if (error === null) {
    writeFileSync(join(folder, 'host.cpuprofile'), JSON.stringify(profile));
    print('host', 'host', profile);
  }
});
await peer.close();
for (const file of readdirSync(folder)) {
  if (file.startsWith('host')) continue;
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profiler.Profile;
  // `….PID.0.….cpuprofile` is the main thread's.
  print(file, /\.0\.\d+\.cpuprofile$/.test(file) ? 'main' : 'worker', profile);
}
// The child's profiles begin with its start and the warm-up.
const all = frames + warmUp.frames;
console.log('\n| thread | stage | µs of CPU a frame |\n| --- | --- | --- |');
for (const line of stages.lines({ host: frames, main: all, worker: all })) console.log(line);
console.log(folder);

async function run(of: Peer, forSeconds: number): Promise<Transfer> {
  switch (what) {
    case 'echo':
      return (await of.echo?.(kind === 'sync' ? 1 : 16, payloadBytes, forSeconds)) ?? never();
    case 'sink':
      return (await of.sink?.(1, payloadBytes, forSeconds)) ?? never();
    case 'source':
      return (
        (await of.source?.(4, payloadBytes, Math.round(Math.min(2e5, 2e8 / payloadBytes) * forSeconds))) ??
        never()
      );
    case 'open':
      return (await of.open?.(64, forSeconds)) ?? never();
    default: {
      let frames = 0;
      for (const end = performance.now() + forSeconds * 1000; performance.now() < end; frames++) {
        await (of.ping?.(payloadBytes) ?? never());
      }
      return { frames, seconds: forSeconds };
    }
  }
}

function never(): never {
  throw new Error('not an ability of this peer');
}

/** Where a thread was, in percent of the time that it was not idle: by function, then by line of the sources. */
function print(title: string, thread: ProfiledThread, profile: Profiler.Profile): void {
  const byFunction = new Map<string, number>();
  const byLine = new Map<string, number>();
  const names = new Map<number, string>();
  const places = new Map<number, string>();
  let ticks = 0;
  for (const { id, callFrame, positionTicks = [] } of profile.nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const name = `${functionName || '(anonymous)'} ${source(url, lineNumber + 1)}`;
    names.set(id, name);
    places.set(id, url === '' ? `[${functionName}]` : source(url, lineNumber + 1));
    if (functionName === '(idle)') continue;
    for (const { line, ticks: here } of positionTicks) {
      ticks += here;
      add(byLine, `${source(url, line)} ${functionName}`, here);
    }
  }
  let busy = 0;
  profile.samples?.forEach((id, index) => {
    const name = names.get(id) ?? '';
    // A thread that blocks in Atomics.wait is not idle to the profiler.
    if (name.startsWith('(idle)') || name.startsWith('wait ')) return;
    const delta = profile.timeDeltas?.[index] ?? 0;
    busy += delta;
    stages.add(thread, places.get(id) ?? '', delta);
    add(byFunction, name, delta);
  });
  console.log(
    `\n== ${title}: busy ${Math.round(busy / 1000)} of ${Math.round((profile.endTime - profile.startTime) / 1000)} ms`,
  );
  table(byFunction, busy, 22);
  console.log('--');
  table(byLine, ticks, 30);
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function table(shares: Map<string, number>, total: number, rows: number): void {
  for (const [name, share] of [...shares].sort((a, b) => b[1] - a[1]).slice(0, rows)) {
    console.log(`${((100 * share) / total).toFixed(1).padStart(5)} %  ${name}`);
  }
}

/** File and line of the TypeScript source, where there is a map. */
function source(url: string, line: number): string {
  const short = url.replace(/^.*\/dist\//, '').replace(/^.*node_modules\//, '');
  const map = mapOf(url);
  const entry = map?.findEntry(line - 1, 1_000);
  return entry !== undefined && 'originalLine' in entry
    ? `${entry.originalSource.replace(/^(\.\.\/)+/, '')}:${entry.originalLine + 1}`
    : `${short}:${line}`;
}

function mapOf(url: string): SourceMap | undefined {
  if (!url.startsWith('file:') || !url.includes('/ixt-bench/')) return undefined;
  let map = maps.get(url);
  if (map === undefined) {
    map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')) as SourceMapPayload);
    maps.set(url, map);
  }
  return map;
}
