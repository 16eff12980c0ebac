import type { Manifest } from '../../src/threads/manifest.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';

/** A module with streams of two modes and unary requests. */
export const MANIFEST: Manifest = {
  name: 'bench',
  version: '1.0.0',
  streams: {
    methods: [
      { name: 'echo', mode: 'sync' },
      { name: 'tail', mode: 'async' },
    ],
  },
  handle: 'sync',
  kvChange: false,
};

/** What a test's clock shows at first, in ms since the epoch. */
export const NOW = 1_700_000_000_000;

/** A stream id from a small number. */
export function idOf(number: number): StreamId {
  return number.toString(16).padStart(32, '0') as StreamId;
}
