import { concat } from '../../base/collected.ts';

const MERGED_BYTES = 64 << 10;
const MERGED_MS = 5;

/**
 * The same bytes in fewer payloads, since a frame costs as much for a short line as for 64 KiB. None is held back for long: a
 * payload leaves with 64 KiB, or as soon as it is 5 ms old, because a generator may compute between its values.
 *
 * @param payloads of a codec that may merge
 */
export function* mergedPayloads(
  payloads: Iterable<Uint8Array>,
  now: () => number = () => performance.now(),
): Generator<Uint8Array, void, undefined> {
  let merged: Uint8Array[] = [];
  let length = 0;
  let since = now();
  for (const payload of payloads) {
    merged.push(payload);
    length += payload.length;
    if (length < MERGED_BYTES && now() - since < MERGED_MS) continue;
    yield concat(merged);
    merged = [];
    length = 0;
    since = now();
  }
  if (merged.length > 0) yield concat(merged);
}
