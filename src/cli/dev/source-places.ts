import type { SourcePlace } from '../../live/page.ts';

/** Places shown of one text. */
const MAX_PLACES = 20;

/** The places in files that a text names, as stacks and load errors write them: `/path/file.ts:12`, without those in packages. */
export function sourcePlaces(text: string): SourcePlace[] {
  const places = new Map<string, SourcePlace>();
  for (const [found, path = '', line = ''] of text.matchAll(
    /(\/[^\s():'"]{1,400}\.[cm]?[jt]sx?):(\d{1,7})/g,
  )) {
    if (!path.includes('/node_modules/')) places.set(found, { file: path, line: Number(line) });
    if (places.size === MAX_PLACES) break;
  }
  return [...places.values()];
}
