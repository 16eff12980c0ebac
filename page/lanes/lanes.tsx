import { SegmentedControl, Text } from '@mantine/core';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef, useState, type MouseEvent } from 'react';
import { count, duration, plural } from '../base/format.ts';
import {
  barAt,
  drawLanes,
  laneHeightOf,
  lanesHeight,
  type LaneColours,
  type LaneView,
} from './draw-lanes.ts';
import type { Bar } from './lane-model.ts';
import { lanes } from './lanes-store.ts';

const SPANS = [
  { label: '10 s', value: '10' },
  { label: '30 s', value: '30' },
  { label: '2 min', value: '120' },
];

const LEGEND = [
  ['queued', 'queued'],
  ['running', 'running'],
  ['credit', 'waits for credit'],
  ['ring', 'host doesn’t read'],
  ['stopping', 'cancelled'],
  ['failed', 'failed'],
  ['crashed', 'crashed'],
] as const;

/** A lane for each worker with its streams, drawn again for every picture of the screen. */
export function Lanes() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<LaneView>({ from: 0, to: 1, width: 0, laneHeight: 1 });
  const [span, setSpan] = useState('30');
  const [bar, setBar] = useState<Bar>();
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = canvas.current;
    return element === null ? undefined : startDrawing(element, Number(span) * 1000, view);
  }, [span, scheme]);

  const onMove = ({ nativeEvent: { offsetX, offsetY } }: MouseEvent): void =>
    setBar(barAt(lanes.model, offsetX, offsetY, view.current));
  return (
    <div className="lanes">
      <div className="lanes-head">
        <ul className="legend">
          {LEGEND.map(([state, name]) => (
            <li key={state} className={`legend-${state}`}>
              {name}
            </li>
          ))}
        </ul>
        <SegmentedControl data={SPANS} value={span} onChange={setSpan} aria-label="Time that is shown" />
      </div>
      <div className="lanes-room" tabIndex={0} role="region" aria-label="Workers">
        <canvas
          ref={canvas}
          role="img"
          aria-label="Workers and their streams over time"
          aria-describedby="lanes-now"
          onMouseMove={onMove}
          onMouseLeave={() => setBar(undefined)}
        />
      </div>
      <Text size="xs" c="dimmed" className="lanes-note mono">
        {bar === undefined ? <LanesNow /> : describeBar(bar)}
      </Text>
    </div>
  );
}

/** The picture in words, as it is at the moment. */
function LanesNow() {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const { model } = lanes;
  const unseen =
    model.unseenStreams === 0
      ? ''
      : ` · a sample: ${plural(model.unseenStreams, 'stream')} of this process are not drawn`;
  return (
    <span id="lanes-now">
      {plural(model.lanes.size, 'worker')} · {count(model.running)} running · {count(model.waiting)} queued
      {unseen}
    </span>
  );
}

function describeBar(bar: Bar): string {
  const { started, ended, opened, code, message } = bar;
  const end = ended ?? performance.timeOrigin + performance.now();
  const waited = (started ?? end) - opened;
  const ran = started === undefined ? '' : ` · ran ${duration(end - started)}`;
  const outcome = code === undefined ? '' : ` · ${code}${message === '' ? '' : `: ${message}`}`;
  return `${bar.method} · ${bar.id.slice(-8)} · waited ${duration(waited)}${ran}${outcome}`;
}

/** @returns ends it */
function startDrawing(canvas: HTMLCanvasElement, span: number, view: { current: LaneView }): () => void {
  const context = canvas.getContext('2d');
  if (context === null) return () => undefined;
  const colours = coloursOf(canvas);
  const room = canvas.parentElement ?? canvas;
  let [width, available] = [0, 0];
  const measure = (): void => {
    width = room.clientWidth;
    available = room.clientHeight;
  };
  measure();
  const resized = new ResizeObserver(measure);
  resized.observe(room);
  let height = 0;
  let frame = 0;
  let prunedAt = 0;
  const draw = (): void => {
    frame = requestAnimationFrame(draw);
    const now = performance.timeOrigin + performance.now();
    if (now - prunedAt > 1000) {
      lanes.model.prune(now);
      prunedAt = now;
    }
    const scale = devicePixelRatio;
    const laneHeight = laneHeightOf(lanes.model.lanes.size, available);
    const wanted = lanesHeight(lanes.model.lanes.size, laneHeight);
    if (canvas.width !== Math.round(width * scale) || height !== wanted) {
      height = wanted;
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = `${height}px`;
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    view.current = { from: now - span, to: now, width, laneHeight };
    drawLanes(context, lanes.model, view.current, colours);
  };
  draw();
  return () => {
    cancelAnimationFrame(frame);
    resized.disconnect();
  };
}

function coloursOf(element: HTMLElement): LaneColours {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--lane-${name}`).trim();
  return {
    queued: colour('queued'),
    running: colour('running'),
    credit: colour('credit'),
    ring: colour('ring'),
    stopping: colour('stopping'),
    failed: colour('failed'),
    crashed: colour('crashed'),
    text: colour('text'),
    dimmed: colour('dimmed'),
    line: colour('line'),
    background: colour('background'),
  };
}
