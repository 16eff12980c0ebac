/** One fenced block of a Markdown page. */
export interface Listing {
  /** The first word behind the fence, one of {@link LANGUAGES}. */
  readonly language: string;
  /** The second word, or empty: the Node that a `sh` listing is for, or `checkout`. */
  readonly use: string;
  readonly code: string;
  /** The line of the fence, from 1. */
  readonly line: number;
}

/** A listing that is a file: its first line is a comment with the file's name. */
export interface Example {
  readonly name: string;
  readonly code: string;
}

/**
 * How a listing of the documentation is tried. There is no language for a listing that is code and is not run.
 *
 * - `ts`, `js`: a file, which the reader saves where they are; commands of the same or a later page run it.
 * - `sh`: commands, run as they stand, in the order of the page, by one shell. `sh node-22.18`: on that version of Node and newer.
 *   `sh checkout`: commands for a checkout, which the gate runs.
 * - `output`: everything that the commands right before print to standard output.
 * - `text`: a drawing, or an output that differs from run to run.
 */
const LANGUAGES = ['ts', 'js', 'sh', 'output', 'text'];

/**
 * All fenced blocks of a page.
 *
 * @throws Error for a language that nothing tries
 */
export function listingsOf(markdown: string): Listing[] {
  return [...markdown.matchAll(/^```(\w*)[ ]?([^\n]*)\n([^]*?)^```$/gm)].map((match) => {
    const [, language = '', use = '', code = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length;
    if (!LANGUAGES.includes(language))
      throw new Error(`nothing tries the listing of line ${line}: '${language}'`);
    return { language, use, code, line };
  });
}

/**
 * The listings that are files, over all pages: the pages are read in one folder.
 *
 * @throws Error for a file without a name, or two of the same
 */
export function examplesOf(...pages: readonly string[]): Example[] {
  const files = pages.flatMap(listingsOf).filter(({ language }) => language === 'ts' || language === 'js');
  const examples = files.map(exampleOf);
  const names = examples.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two examples are called ${twice}`);
  return examples;
}

function exampleOf({ code }: Listing): Example {
  const name = /^\/\/ ([\w.-]+\.[jt]s)\n/.exec(code)?.[1];
  if (name === undefined) throw new Error(`an example does not begin with the name of its file:\n${code}`);
  return { name, code };
}

/** The files that no command of the pages names and no other file imports: nothing would run them. */
export function filesNotRun(...pages: readonly string[]): string[] {
  const commands = pages
    .flatMap(listingsOf)
    .filter(({ language, use }) => language === 'sh' && use !== 'checkout');
  const examples = examplesOf(...pages);
  const isNamed = (name: string): boolean => commands.some(({ code }) => code.includes(name));
  const isUsed = (name: string): boolean =>
    examples.some((other) => other.name !== name && other.code.includes(`'./${name}'`));
  return examples.map(({ name }) => name).filter((name) => !isNamed(name) && !isUsed(name));
}

/**
 * A shell script that does what a reader of the page does: saves each file where they are, and runs each command as it stands.
 *
 * @param nodeVersion of the Node that is to run it, `20.20.2` say
 */
export function scriptOf(markdown: string, nodeVersion: string): string {
  const listings = listingsOf(markdown);
  const parts = listings.map((listing, at) => {
    const { language, use, code, line } = listing;
    if (language === 'ts' || language === 'js') return hereDocument(exampleOf(listing).name, code);
    if (language !== 'sh' || use === 'checkout' || !runsOn(use, nodeVersion)) return '';
    const next = listings[at + 1];
    const title = `echo ${quoted(`line ${line}: ${code.trimEnd()}`)} >&2\n`;
    if (next?.language !== 'output') return `${title}${code}`;
    const wanted = hereDocument('"$pages_wanted"', next.code);
    // The listing ends its last line, also where a program does not.
    const ended = '[ -z "$(tail -c 1 "$pages_printed")" ] || echo >>"$pages_printed"\n';
    return `${title}{\n${code}} >"$pages_printed"\n${ended}${wanted}diff "$pages_wanted" "$pages_printed" >&2\n`;
  });
  const begin = 'set -eu\npages_printed=$(mktemp)\npages_wanted=$(mktemp)\n';
  return begin + parts.join('');
}

function runsOn(use: string, nodeVersion: string): boolean {
  if (use === '') return true;
  const least = /^node-(\d+)\.(\d+)$/.exec(use);
  if (least === null) throw new Error(`a sh listing is for '${use}', which is no version of Node`);
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  return major > Number(least[1]) || (major === Number(least[1]) && minor >= Number(least[2]));
}

function hereDocument(file: string, text: string): string {
  return `cat >${file} <<'END-OF-LISTING'\n${text}END-OF-LISTING\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
