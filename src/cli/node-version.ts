/** The oldest major version of Node that the package runs on: `engines` of package.json. */
export const OLDEST_NODE = 20;

/**
 * The message for a person whose Node is too old; `undefined` if it is not.
 *
 * This file and `main.ts` are all that such a Node loads, so they keep to what it can read.
 *
 * @param version as `process.versions.node` has it
 */
export function nodeComplaint(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= OLDEST_NODE) return undefined;
  return (
    `this Node is ${version}, and the package needs ${OLDEST_NODE} or newer\n` +
    `  Install a newer one (https://nodejs.org, or nvm install ${OLDEST_NODE}); node --version says which one is used.`
  );
}
