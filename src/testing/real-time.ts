/**
 * The event loop's own, taken as this file loads: a test that puts clocks of its own in their place means its handlers', not
 * the turns in which the kit moves bytes.
 */
export const { setImmediate, setTimeout } = globalThis;

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
