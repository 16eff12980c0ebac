import { dirname, join, normalize } from 'node:path/posix';
import { importsOf, type SourceFile } from './import-rules.ts';

/** Who imports whom, by name. */
export type Arrows = ReadonlyMap<string, ReadonlySet<string>>;

/** The shape of one folder. Its rooms are its folders, each with all that is below it, and its loose files. */
export interface RoomFigures {
  readonly folder: string;
  /** Files with all that is below, and the most that lie beside each other in one folder. */
  readonly files: number;
  readonly mostFilesInOne: number;
  readonly rooms: number;
  /** Pairs of rooms of which the first imports the second. */
  readonly arrows: number;
  /** Arrows that must point up, in whichever order the rooms are listed: those between rooms that import each other, on any way. */
  readonly arrowsInCircles: number;
}

/** Which source file imports which, of those that are given. */
export function arrowsOf(files: readonly SourceFile[]): Arrows {
  const known = new Set(files.map(({ path }) => path));
  return new Map(
    files.map(({ path, text }) => [
      path,
      new Set(
        importsOf(text)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => normalize(join(dirname(path), specifier)))
          .filter((target) => known.has(target) && target !== path),
      ),
    ]),
  );
}

/** Groups of names that import each other, directly or by way of others; each group sorted. */
export function circlesOf(arrows: Arrows): string[][] {
  const reach = new Map([...arrows.keys()].map((name) => [name, reachableFrom(arrows, name)]));
  const circles = new Map<string, string[]>();
  for (const [name, reached] of reach) {
    if (!reached.has(name)) continue;
    const circle = [...reached].filter((other) => reach.get(other)?.has(name) ?? false).sort();
    circles.set(circle.join(), circle);
  }
  return [...circles.values()];
}

function reachableFrom(arrows: Arrows, start: string): Set<string> {
  const reached = new Set<string>();
  const open = [...(arrows.get(start) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...(arrows.get(name) ?? []));
  }
  return reached;
}

/** The arrows between the rooms of `folder`. */
export function roomArrows(arrows: Arrows, folder: string): Arrows {
  const rooms = new Map<string, Set<string>>();
  for (const [path, targets] of arrows) {
    const from = roomIn(folder, path);
    if (from === undefined) continue;
    const leads = rooms.get(from) ?? new Set();
    rooms.set(from, leads);
    for (const target of targets) {
      const to = roomIn(folder, target);
      if (to !== undefined && to !== from) leads.add(to);
    }
  }
  return rooms;
}

function roomIn(folder: string, path: string): string | undefined {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1).split('/')[0] : undefined;
}

export function figuresOf(files: readonly SourceFile[], folder: string): RoomFigures {
  const arrows = roomArrows(arrowsOf(files), folder);
  const inside = files.filter(({ path }) => path.startsWith(`${folder}/`));
  const perFolder = new Map<string, number>();
  for (const { path } of inside) perFolder.set(dirname(path), (perFolder.get(dirname(path)) ?? 0) + 1);
  const circles = circlesOf(arrows);
  const isBack = (from: string, to: string): boolean =>
    circles.some((circle) => circle.includes(from) && circle.includes(to));
  const pairs = [...arrows].flatMap(([from, targets]) => [...targets].map((to) => [from, to] as const));
  return {
    folder,
    files: inside.length,
    mostFilesInOne: Math.max(0, ...perFolder.values()),
    rooms: arrows.size,
    arrows: pairs.length,
    arrowsInCircles: pairs.filter(([from, to]) => isBack(from, to)).length,
  };
}
