import { useEffect, useRef, useState } from 'react';
import type { CallView } from '../../src/live/page.ts';
import { fromBase64 } from '../base/base64.ts';
import { server } from '../base/server.ts';

/** A frame of a call's output. */
export interface OutputFrame {
  /** Since the call began. */
  readonly ms: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The output of a call as far as it is kept, fetched as it grows. */
export function useOutput({ id, keptFrames }: CallView): readonly OutputFrame[] {
  const [frames, setFrames] = useState<readonly OutputFrame[]>([]);
  const fetching = useRef(false);
  useEffect(() => setFrames([]), [id]);
  useEffect(() => {
    if (fetching.current || frames.length >= keptFrames) return undefined;
    let isGone = false;
    fetching.current = true;
    server
      .output(id, frames.length)
      .then(({ frames: more }) => {
        if (isGone) return;
        const decoded = more.map(({ ms, base64 }) => ({ ms, data: fromBase64(base64) }));
        setFrames((before) => [...before, ...decoded]);
      })
      // The call is not kept any more: what is here is all there will be.
      .catch(() => undefined)
      .finally(() => (fetching.current = false));
    return () => {
      isGone = true;
      fetching.current = false;
    };
  }, [id, keptFrames, frames.length]);
  return frames;
}
