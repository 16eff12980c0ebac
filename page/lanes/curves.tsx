import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot, { type AlignedData, type Options } from 'uplot';

/** One line of a plot. */
export interface Series {
  readonly name: string;
  /** A CSS variable. */
  readonly colour: string;
}

interface CurvesProps {
  readonly name: string;
  /** Seconds, then the values of each series. */
  readonly data: AlignedData;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly height?: number;
  /** Of a value that is given since a start, not by the clock: the lines go in steps. */
  readonly isSince?: boolean;
  /** Whether the values are bytes, whose round numbers are powers of 2. */
  readonly isBytes?: boolean;
}

/** Curves over time. */
export function Curves({
  name,
  data,
  series,
  format,
  height = 90,
  isSince = false,
  isBytes = false,
}: CurvesProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const scheme = useComputedColorScheme('light');
  const names = series.map((each) => each.name).join();
  useEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const made = new uPlot(
      optionsOf(element, { series, format, height, isSince, isBytes }),
      [[]] as unknown as AlignedData,
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
    // The series are told apart by their names; a new array each time is no new plot.
  }, [names, height, scheme, isSince, isBytes]);
  useEffect(() => plot.current?.setData(data), [data, names, height, scheme, isSince, isBytes]);
  const now = series.map((each, index) => {
    const values = data[index + 1];
    const value = values?.[values.length - 1];
    return { ...each, value: value === undefined || value === null ? '–' : format(value) };
  });
  return (
    <figure className="curves">
      <figcaption>
        <span className="curves-name">{name}</span>
        {now.map(({ name: each, colour, value }) => (
          <span key={each} className={`curves-value curves-${colour}`}>
            {each} <b>{value}</b>
          </span>
        ))}
      </figcaption>
      <div ref={holder} aria-hidden="true" />
    </figure>
  );
}

type PlotProps = Required<Pick<CurvesProps, 'series' | 'format' | 'height' | 'isSince' | 'isBytes'>>;

function optionsOf(element: HTMLElement, { series, format, height, isSince, isBytes }: PlotProps): Options {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--lane-${name}`).trim();
  const grid = { stroke: colour('line'), width: 1 };
  const steps = uPlot.paths.stepped?.({ align: 1 });
  return {
    width: Math.max(80, element.clientWidth),
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: !isSince },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        stroke: colour('dimmed'),
        grid,
        ticks: { show: false },
        size: 22,
        font: FONT,
        space: 84,
        values: (_plot, times) => times.map(isSince ? secondsOf : timeOf),
      },
      {
        stroke: colour('dimmed'),
        grid,
        ticks: { show: false },
        size: 62,
        font: FONT,
        values: (_plot, values) => values.map(format),
        ...(isBytes ? { incrs: POWERS } : {}),
      },
    ],
    series: [
      {},
      ...series.map((each) => ({
        label: each.name,
        stroke: colour(each.colour),
        width: 1.5,
        points: { show: false },
        ...(isSince && steps !== undefined ? { paths: steps } : {}),
      })),
    ],
  };
}

const FONT = '11px ui-sans-serif, system-ui, sans-serif';

const POWERS = Array.from({ length: 40 }, (_, power) => 2 ** power);

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

function secondsOf(seconds: number): string {
  return `${Number(seconds.toFixed(3))} s`;
}
