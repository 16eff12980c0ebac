import { isMainThread, parentPort } from 'node:worker_threads';
import { ProgressWriter } from '../../../src/shared-memory/progress-slot.ts';

/** `memory` comes once; each other message says that there is a value to take. */
export interface ProgressWriterMessage {
  readonly memory?: SharedArrayBuffer;
}

const MOST_BYTES = 4096;
export const LAST_VALUE = 100_000;

/** Value `number`: it says its number, and its length and all of its bytes follow from that. */
export function valueOf(number: number): Uint8Array {
  const value = new Uint8Array(4 + ((number * 37) % (MOST_BYTES - 3))).fill(number & 255);
  new DataView(value.buffer).setUint32(0, number, true);
  return value;
}

/** Replaces its value as fast as it can, as a synchronous handler does. */
function main(): void {
  const writer = new ProgressWriter(MOST_BYTES);
  parentPort?.postMessage({ memory: writer.memory });
  for (let number = 1; number <= LAST_VALUE; number++) {
    if (writer.publish(valueOf(number))) parentPort?.postMessage({});
  }
}

if (!isMainThread) main();
