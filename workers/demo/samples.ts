import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../', import.meta.url);
/** Files of the folder that are no samples. */
const OTHERS = ['start.ts', 'stream-worker.ts'];

/** The sample modules, each with the line of text that its file begins with. */
export function listSamples(): { file: string; about: string }[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !OTHERS.includes(name));
  return files.sort().map((name) => {
    const [firstLine = ''] = readFileSync(new URL(name, folder), 'utf8').split('\n');
    return { file: `workers/${name}`, about: firstLine.replace(/^\/\*\* (.*) \*\/$/, '$1') };
  });
}
