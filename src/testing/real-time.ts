/**
 * The event loop's own timers, taken as this file loads. A test that puts a clock of its own in their place means it for its
 * handlers, and not for the turns in which the kit moves bytes.
 */
export const { setImmediate, setTimeout } = globalThis;

/** Waits for one turn of the event loop, and holds the process until then. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
