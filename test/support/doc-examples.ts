/** An example of the documentation, as a file that can be compiled. */
export interface Example {
  readonly name: string;
  readonly code: string;
}

/**
 * The blocks marked `ts` or `js` of a Markdown text. Each begins with a comment that is the name of its file, so that one can import
 * the other.
 *
 * @throws Error for a block without a name, or two of the same
 */
export function examplesOf(markdown: string): Example[] {
  const examples = [...markdown.matchAll(/^```[jt]s\n([^]*?)^```$/gm)].map(([, code = '']) => {
    const name = /^\/\/ ([\w.-]+\.[jt]s)\n/.exec(code)?.[1];
    if (name === undefined) throw new Error(`an example does not begin with the name of its file:\n${code}`);
    return { name, code };
  });
  const names = examples.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two examples are called ${twice}`);
  return examples;
}
