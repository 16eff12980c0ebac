import { randomBytes } from 'node:crypto';
import { expectChunks, expectSame } from '../breach.ts';
import { CANCELLED_MS, type ConformCase } from '../case.ts';
import { entries, uint64Of } from './streams.ts';

/** Cases of methods that a module in another language may not have. They are asked for by `--methods`. */
export const FURTHER_CASES: readonly ConformCase[] = [
  {
    name: 'an asynchronous handler gives Data back with their boundaries',
    rule: 'section 4, data',
    needs: ['echo-async'],
    child: 'shared',
    run: async (child) => {
      const chunks = [0, 1, 65_536, 1_048_576].map((size) => new Uint8Array(randomBytes(size)));
      const stream = child.open('echo-async');
      const answer = stream.collect();
      await stream.dataWithinCredit(...chunks);
      stream.close();
      expectChunks(await answer, chunks);
    },
  },
  {
    name: 'mandelbrot computes its rows to the last bit',
    rule: 'section 4, data',
    needs: ['mandelbrot'],
    child: 'shared',
    run: async (child) => {
      const size = { width: '40', height: '30', maxIter: '300', y0: '10', rows: '10' };
      const rows = await child.open('mandelbrot', { metadata: entries(size) }).collect();
      const expected = Array.from({ length: 10 }, (_row, row) =>
        Uint8Array.from({ length: 40 }, (_pixel, px) => iterations(px, 10 + row)),
      );
      expectChunks(rows, expected);
    },
  },
  {
    name: 'a slow handler is waited for',
    rule: 'section 5, Granting',
    needs: ['slow-consumer'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('slow-consumer', { metadata: entries({ ms: '5' }) });
      await stream.dataWithinCredit(...Array.from({ length: 12 }, () => new Uint8Array(60_000)));
      stream.close();
      expectSame('the bytes that the handler counted', uint64Of(await stream.answer()), 720_000);
    },
  },
  {
    name: 'nothing that a handler prints reaches the wire',
    rule: 'section 1, Framing',
    needs: ['print'],
    child: 'shared',
    run: async (child) => {
      for (const how of ['console', 'stdout', 'fd', 'child']) {
        const done = await child.open('print', { metadata: entries({ how }) }).answer();
        expectChunks([done], [new TextEncoder().encode('done')]);
      }
    },
  },
  {
    name: 'a handler that is blocked for ever is ended after the grace time',
    rule: 'section 6, Cancel and deadline',
    needs: ['wait'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('wait');
      await child.health();
      stream.cancel();
      await stream.ends('cancelled', CANCELLED_MS);
    },
  },
  {
    name: 'what a handler left behind throws later and hurts no stream',
    rule: 'section 4, What the module owes',
    needs: ['throw-late', 'echo'],
    child: 'shared',
    run: async (child) => {
      await child.open('throw-late').ends('close');
      const stream = child.open('echo').data(Uint8Array.of(1)).close();
      expectChunks(await stream.collect(), [Uint8Array.of(1)]);
    },
  },
  {
    name: 'a rejection that nobody handles fails its stream',
    rule: 'section 4, What the module owes',
    needs: ['reject'],
    child: 'shared',
    run: async (child) => {
      await child.open('reject').ends('handlerFailed', CANCELLED_MS);
    },
  },
];

/** One pixel of the picture of 40 × 30 with at most 300 iterations, as the conformance page has the arithmetic. */
function iterations(px: number, py: number): number {
  const cx = -2.5 + (3.5 * px) / 40;
  const cy = -1.25 + (2.5 * py) / 30;
  let x = 0;
  let y = 0;
  let iter = 0;
  while (iter < 300 && x * x + y * y <= 4) {
    const t = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = t;
    iter++;
  }
  return iter & 255;
}
