import { MAX_ROWS, type Bar, type BarState, type Lane, type LaneModel } from './lane-model.ts';

/** Colours of a theme, as CSS says them. */
export interface LaneColours extends Readonly<Record<BarState | 'failed' | 'crashed', string>> {
  readonly text: string;
  readonly dimmed: string;
  readonly line: string;
  readonly background: string;
}

/** The part of time that is seen, and the size of the picture in CSS pixels. */
export interface LaneView {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly laneHeight: number;
}

const LABEL_WIDTH = 92;
const QUEUE_HEIGHT = 44;
const MIN_LANE_HEIGHT = 34;
const MAX_LANE_HEIGHT = 60;
const AXIS_HEIGHT = 22;
const PAD = 4;

/** How high each of so many lanes is where the picture has that height, in CSS pixels. Many lanes are scrolled. */
export function laneHeightOf(lanes: number, height: number): number {
  const each = Math.floor((height - QUEUE_HEIGHT - AXIS_HEIGHT) / Math.max(1, lanes));
  return Math.min(MAX_LANE_HEIGHT, Math.max(MIN_LANE_HEIGHT, each));
}

/** How high the picture of so many lanes is, in CSS pixels. */
export function lanesHeight(lanes: number, laneHeight: number): number {
  return QUEUE_HEIGHT + Math.max(1, lanes) * laneHeight + AXIS_HEIGHT;
}

/** Draws the queue, a lane for each worker, and the time. */
export function drawLanes(
  context: CanvasRenderingContext2D,
  model: LaneModel,
  view: LaneView,
  colours: LaneColours,
): void {
  const lanes = sorted(model);
  const height = lanesHeight(lanes.length, view.laneHeight);
  context.clearRect(0, 0, view.width, height);
  context.font = '11px ui-sans-serif, system-ui, sans-serif';
  context.textBaseline = 'middle';
  drawGrid(context, view, height, colours);
  drawQueue(context, model, view, colours);
  for (const [index, lane] of lanes.entries()) {
    drawLane(context, lane, QUEUE_HEIGHT + index * view.laneHeight, view, colours);
  }
}

/** The bar at a place of the picture. */
export function barAt(model: LaneModel, x: number, y: number, view: LaneView): Bar | undefined {
  const lane = sorted(model)[Math.floor((y - QUEUE_HEIGHT) / view.laneHeight)];
  const at = timeAt(x, view);
  // Narrow bars can be hit, too.
  const near = (2 * (view.to - view.from)) / view.width;
  const isAt = (from: number, to: number | undefined): boolean =>
    at >= from - near && at <= (to ?? view.to) + near;
  if (y < QUEUE_HEIGHT) return model.refused.findLast(({ opened, ended }) => isAt(opened, ended));
  if (lane === undefined) return undefined;
  const rows = rowsOf(lane);
  const offset = (y - QUEUE_HEIGHT) % view.laneHeight;
  const row = Math.floor(((offset - PAD) / (view.laneHeight - 2 * PAD)) * rows);
  return lane.bars.findLast((bar) => bar.row === row && isAt(bar.started ?? bar.opened, bar.ended));
}

function sorted(model: LaneModel): Lane[] {
  return [...model.lanes.values()].sort((a, b) => a.worker - b.worker);
}

function rowsOf({ rows }: Lane): number {
  return Math.max(1, Math.min(rows.length, MAX_ROWS));
}

function xAt(at: number, { from, to, width }: LaneView): number {
  return LABEL_WIDTH + ((at - from) / (to - from)) * (width - LABEL_WIDTH);
}

function timeAt(x: number, { from, to, width }: LaneView): number {
  return from + ((x - LABEL_WIDTH) / (width - LABEL_WIDTH)) * (to - from);
}

function drawGrid(
  context: CanvasRenderingContext2D,
  view: LaneView,
  height: number,
  colours: LaneColours,
): void {
  const seconds = (view.to - view.from) / 1000;
  const step = [1, 2, 5, 10, 20, 60].find((each) => seconds / each <= view.width / 110) ?? 60;
  context.strokeStyle = colours.line;
  context.fillStyle = colours.dimmed;
  context.lineWidth = 1;
  context.textAlign = 'center';
  for (let back = step; back < seconds; back += step) {
    const x = Math.round(xAt(view.to - back * 1000, view)) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height - AXIS_HEIGHT);
    context.stroke();
    if (x > LABEL_WIDTH + 16) context.fillText(`−${back} s`, x, height - AXIS_HEIGHT / 2);
  }
  context.textAlign = 'right';
  context.fillText('now', view.width - 2, height - AXIS_HEIGHT / 2);
}

function drawQueue(
  context: CanvasRenderingContext2D,
  model: LaneModel,
  view: LaneView,
  colours: LaneColours,
): void {
  const { queue, refused } = model;
  const bottom = QUEUE_HEIGHT - PAD;
  label(context, 'queue', model.waiting === 0 ? '' : String(model.waiting), QUEUE_HEIGHT / 2, colours);
  let most = 4;
  for (const { at, waiting } of queue) if (at >= view.from && waiting > most) most = waiting;
  const yOf = (waiting: number): number => bottom - (waiting / most) * (QUEUE_HEIGHT - 2 * PAD);
  context.fillStyle = colours.queued;
  context.beginPath();
  context.moveTo(LABEL_WIDTH, bottom);
  let last = 0;
  let lastX = -1;
  let isBehind = false;
  for (const { at, waiting } of queue) {
    if (at < view.from) {
      last = waiting;
      continue;
    }
    const x = Math.max(LABEL_WIDTH, xAt(at, view));
    // Thousands of steps may lie in one pixel: the highest is what counts.
    if (x - lastX < 0.5 && waiting <= last) {
      last = waiting;
      isBehind = true;
      continue;
    }
    if (isBehind) context.lineTo(lastX + 0.5, yOf(last));
    isBehind = false;
    context.lineTo(x, yOf(last));
    context.lineTo(x, yOf(waiting));
    last = waiting;
    lastX = x;
  }
  context.lineTo(Math.max(LABEL_WIDTH, lastX + 0.5), yOf(model.waiting));
  context.lineTo(view.width, yOf(model.waiting));
  context.lineTo(view.width, bottom);
  context.fill();
  context.fillStyle = colours.failed;
  let drawnX = -10;
  for (const { ended = 0 } of refused) {
    const x = Math.round(xAt(ended, view));
    if (x < LABEL_WIDTH || x - drawnX < 1) continue;
    context.fillRect(x - 1, bottom - 8, 2, 8);
    drawnX = x;
  }
}

function drawLane(
  context: CanvasRenderingContext2D,
  lane: Lane,
  top: number,
  view: LaneView,
  colours: LaneColours,
): void {
  const { laneHeight } = view;
  const middle = top + laneHeight / 2;
  label(context, `worker ${lane.worker}`, lane.isReady ? '' : '…', middle, colours);
  context.fillStyle = colours.background;
  context.fillRect(LABEL_WIDTH, top + PAD, view.width - LABEL_WIDTH, laneHeight - 2 * PAD);
  const rows = rowsOf(lane);
  const height = (laneHeight - 2 * PAD) / rows;
  const gap = height > 6 ? 1 : 0;
  // Where many bars lie in one pixel, one of each state and row is drawn.
  const drawn = new Map<string, number>();
  for (const bar of lane.bars) {
    if (bar.ended !== undefined && bar.ended < view.from) continue;
    const y = top + PAD + bar.row * height;
    for (const [index, part] of bar.parts.entries()) {
      const to = bar.parts[index + 1]?.from ?? bar.ended ?? view.to;
      if (to < view.from) continue;
      const x = Math.max(LABEL_WIDTH, xAt(part.from, view));
      const end = xAt(to, view);
      const place = `${part.state}${bar.row}`;
      if (end <= (drawn.get(place) ?? -1)) continue;
      const width = Math.max(1.5, end - x - (end - x > 4 ? 1 : 0));
      drawn.set(place, x + width);
      context.fillStyle = colours[part.state];
      context.fillRect(x, y, width, height - gap);
    }
    drawEnd(context, bar, y, height - gap, view, colours);
    drawName(context, bar, y, height, view, colours);
  }
  context.fillStyle = colours.crashed;
  for (const { at } of lane.exits) {
    const x = xAt(at, view);
    if (x >= LABEL_WIDTH) context.fillRect(x - 1, top, 2, laneHeight);
  }
}

function drawEnd(
  context: CanvasRenderingContext2D,
  bar: Bar,
  y: number,
  height: number,
  view: LaneView,
  colours: LaneColours,
): void {
  if (bar.ended === undefined || bar.code === 'close') return;
  const x = xAt(bar.ended, view);
  if (x < LABEL_WIDTH) return;
  context.fillStyle =
    bar.code === 'workerCrashed'
      ? colours.crashed
      : bar.code === 'cancelled' || bar.code === 'unavailable'
        ? colours.stopping
        : colours.failed;
  context.fillRect(x - 3, y, 4, height);
}

function drawName(
  context: CanvasRenderingContext2D,
  bar: Bar,
  y: number,
  height: number,
  view: LaneView,
  colours: LaneColours,
): void {
  const x = Math.max(LABEL_WIDTH, xAt(bar.started ?? bar.opened, view));
  // On what waits it could not be read.
  const width = xAt(bar.parts[1]?.from ?? bar.ended ?? view.to, view) - x;
  if (width < 48 || height < 12) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width - 6, height);
  context.clip();
  context.fillStyle = colours.text;
  context.textAlign = 'left';
  context.fillText(bar.method.slice(0, 60), x + 6, y + height / 2);
  context.restore();
}

function label(
  context: CanvasRenderingContext2D,
  name: string,
  note: string,
  y: number,
  colours: LaneColours,
): void {
  context.textAlign = 'left';
  context.fillStyle = colours.dimmed;
  context.fillText(name, 2, y);
  if (note === '') return;
  context.textAlign = 'right';
  context.fillText(note, LABEL_WIDTH - 10, y);
}
