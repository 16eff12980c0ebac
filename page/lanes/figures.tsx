import { Text } from '@mantine/core';
import { useMemo } from 'react';
import type { AlignedData } from 'uplot';
import type { FiguresEvent } from '../../src/live/events.ts';
import { bytes, count, duration } from '../base/format.ts';
import { usePage } from '../base/page-store.ts';
import { Curves } from './curves.tsx';

/** The figures of the process over the last minutes. */
export function Figures() {
  const figures = usePage((state) => state.figures);
  const data = useMemo(() => curvesOf(figures), [figures]);
  if (figures.length < 2) {
    return (
      <Text size="sm" c="dimmed" p="md">
        The first figures come after two seconds.
      </Text>
    );
  }
  return (
    <div className="figures">
      <Curves name="Frames a second" data={data.frames} series={BOTH} format={count} />
      <Curves name="Bytes a second" data={data.bytes} series={BOTH} format={bytes} isBytes />
      <Curves name="Streams" data={data.streams} series={STREAMS} format={count} />
      <Curves name="Event-loop delay of main" data={data.delay} series={DELAY} format={duration} />
      <Curves name="Resident memory" data={data.memory} series={MEMORY} format={bytes} isBytes />
    </div>
  );
}

const BOTH = [
  { name: 'in', colour: 'queued' },
  { name: 'out', colour: 'running' },
];
const STREAMS = [
  { name: 'open', colour: 'running' },
  { name: 'queued', colour: 'queued' },
];
const DELAY = [{ name: 'longest', colour: 'credit' }];
const MEMORY = [{ name: 'RSS', colour: 'ring' }];

/** Frames and bytes a second, of the last second. */
export function ratesOf(figures: readonly FiguresEvent[]): { frames: number; bytes: number } {
  const [before, now] = figures.slice(-2);
  if (before === undefined || now === undefined) return { frames: 0, bytes: 0 };
  const seconds = (now.at - before.at) / 1000;
  const moved = (key: 'framesIn' | 'framesOut' | 'bytesIn' | 'bytesOut'): number =>
    (now.stats[key] - before.stats[key]) / seconds;
  return { frames: moved('framesIn') + moved('framesOut'), bytes: moved('bytesIn') + moved('bytesOut') };
}

function curvesOf(figures: readonly FiguresEvent[]): Record<CurveName, AlignedData> {
  const later = figures.slice(1);
  const times = later.map(({ at }) => at / 1000);
  const rate = (key: 'framesIn' | 'framesOut' | 'bytesIn' | 'bytesOut'): number[] =>
    later.map((event, index) => {
      const before = figures[index] ?? event;
      return ((event.stats[key] - before.stats[key]) / (event.at - before.at)) * 1000;
    });
  return {
    frames: [times, rate('framesIn'), rate('framesOut')],
    bytes: [times, rate('bytesIn'), rate('bytesOut')],
    streams: [
      times,
      later.map(({ stats }) => stats.openStreams),
      later.map(({ stats }) => stats.queuedOpens),
    ],
    delay: [times, later.map(({ mainDelayMs }) => mainDelayMs)],
    memory: [times, later.map(({ rssBytes }) => rssBytes)],
  };
}

type CurveName = 'frames' | 'bytes' | 'streams' | 'delay' | 'memory';
