import type { CallView } from '../../src/live/page.ts';

/** A call in a word, and its colour. */
export interface CallState {
  readonly word: string;
  readonly colour: 'blue' | 'teal' | 'gray' | 'red';
}

/** How a call stands: of many at once, what happened to the most of those that did not simply end. */
export function callState({ live, ended, request }: CallView): CallState {
  const total = request.count;
  if (live > 0) return { word: total === 1 ? 'running' : `${live} of ${total} running`, colour: 'blue' };
  const others = Object.entries(ended).filter(([code]) => code !== 'close');
  const [most] = others.sort(([, a], [, b]) => b - a);
  if (most === undefined) return { word: total === 1 ? 'done' : `${total} done`, colour: 'teal' };
  const [code, count] = most;
  const colour = code === 'cancelled' || code === 'unavailable' ? 'gray' : 'red';
  return { word: total === 1 ? code : `${count} ${code}`, colour };
}
