import {
  dataCost,
  INITIAL_CREDIT,
  MAX_CREDIT,
  MAX_DATA_BYTES,
  MIN_DATA_COST,
} from '../../../wire/flow-limits.ts';
import { expectSame, expectThat } from '../breach.ts';
import { CANCELLED_MS, type ConformCase } from '../case.ts';
import type { ChildStream } from '../child-stream.ts';
import type { ModuleChild } from '../module-child.ts';
import { breach, entries, uint64Of } from './streams.ts';

/** Credit both ways. That no balance is overdrawn, and nothing granted too much, is checked on every stream of every case. */
export const CREDIT_CASES: readonly ConformCase[] = [
  {
    name: 'the module sends while its balance is above 0, and waits then',
    rule: 'section 5, Sending',
    needs: ['source'],
    child: 'shared',
    run: async (child) => {
      const stream = source(child, { count: 20, size: 1_000, initialCredit: 4_500 });
      // The fifth frame takes the balance below 0.
      for (let sequence = 0; sequence < 5; sequence++)
        expectSame('the sequence number', await numberOf(stream), sequence);
      await expectStill(child, stream);
      stream.credit(500 + 1);
      expectSame('the sequence number', await numberOf(stream), 5);
      await expectStill(child, stream);
      stream.credit(1_000_000);
      expectSame('the Data that came after a large grant', (await stream.collect()).length, 14);
    },
  },
  {
    name: 'a tiny frame costs 64 bytes of credit',
    rule: 'section 5, Cost',
    needs: ['source'],
    child: 'shared',
    run: async (child) => {
      const stream = source(child, { count: 30, size: 8, initialCredit: 10 * MIN_DATA_COST });
      for (let sequence = 0; sequence < 10; sequence++) await numberOf(stream);
      await expectStill(child, stream);
      stream.credit(20 * MIN_DATA_COST);
      expectSame('the Data that came after the grant', (await stream.collect()).length, 20);
    },
  },
  {
    name: 'a frame of 1 MiB fits through a window of one byte',
    rule: 'section 5, Sending',
    needs: ['source'],
    child: 'shared',
    run: async (child) => {
      const stream = source(child, { count: 2, size: MAX_DATA_BYTES, initialCredit: 1 });
      expectSame('the length of the Data', (await stream.next()).length, MAX_DATA_BYTES);
      await expectStill(child, stream);
      stream.credit(MAX_DATA_BYTES);
      expectSame('the Data that came after the grant', (await stream.collect()).length, 1);
    },
  },
  {
    name: 'without credit no Data comes, and an error still does',
    rule: 'section 5, Credit holds only data back',
    needs: ['source', 'fail'],
    child: 'shared',
    run: async (child) => {
      const stream = source(child, { count: 1, size: 8, initialCredit: 0 });
      await child.open('fail', { initialCredit: 0 }).ends('handlerFailed');
      await expectStill(child, stream);
      stream.credit(0);
      await expectStill(child, stream);
      stream.credit(1);
      expectSame('the Data that came after the grant', (await stream.collect()).length, 1);
    },
  },
  {
    name: 'the module grants what its handler has taken, so that a host can send on',
    rule: 'section 5, Granting',
    needs: ['sink'],
    child: 'shared',
    run: async (child) => {
      const stream = child.open('sink');
      const sizes = [...Array.from({ length: 200 }, () => 20_000), ...Array.from({ length: 6_000 }, () => 1)];
      await stream.dataWithinCredit(...sizes.map((size) => new Uint8Array(size)));
      stream.close();
      expectSame('the bytes that the handler counted', uint64Of(await stream.answer()), 4_006_000);
    },
  },
  {
    name: 'the module grants nothing for Data that its handler has not taken',
    rule: 'section 5, Granting',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      // The handler of spin reads nothing.
      const stream = child.open('spin', { metadata: entries({ ms: '400' }) });
      stream.data(...Array.from({ length: 3 }, () => new Uint8Array(65_536)));
      await stream.ends('close');
      expectSame('bytes that were granted', stream.granted, 0);
    },
  },
  {
    name: 'Data at a balance of 0 or below is a flowControlViolation',
    rule: 'section 5, Overdraft',
    needs: ['spin'],
    child: 'shared',
    run: async (child) => {
      const { window } = child;
      await breach(child, 'flowControlViolation', ({ encoder }) => [
        ...windowful(window).map((size) => encoder.data(new Uint8Array(size))),
        encoder.data(Uint8Array.of(1)),
      ]);
      await breach(child, 'flowControlViolation', ({ encoder }) =>
        Array.from({ length: window / MIN_DATA_COST + 1 }, () => encoder.data(new Uint8Array(0))),
      );
    },
  },
  {
    name: 'one frame may take the host’s balance below 0, and the next one may not',
    rule: 'section 5, Sending',
    needs: ['sink', 'spin'],
    child: 'shared',
    run: async (child) => {
      const sizes = [...windowful(child.window - 64), MAX_DATA_BYTES];
      const stream = child
        .open('sink')
        .data(...sizes.map((size) => new Uint8Array(size)))
        .close();
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      expectSame('the bytes that the handler counted', uint64Of(await stream.answer()), bytes);
      await breach(child, 'flowControlViolation', ({ encoder }) =>
        [...sizes, 0].map((size) => encoder.data(new Uint8Array(size))),
      );
    },
  },
  {
    name: 'more than 1 MiB in one Data is a flowControlViolation',
    rule: 'section 5, Overdraft',
    needs: ['spin'],
    child: 'shared',
    run: (child) =>
      breach(child, 'flowControlViolation', ({ encoder }) => [
        encoder.data(new Uint8Array(MAX_DATA_BYTES + 1)),
      ]),
  },
  {
    name: 'a grant, or a first credit, past 2^31-1 is a flowControlViolation',
    rule: 'section 5, Overflow',
    needs: ['spin', 'echo'],
    child: 'shared',
    run: async (child) => {
      await breach(child, 'flowControlViolation', ({ encoder }) => [encoder.credit(0xffff_ffff)]);
      await breach(child, 'flowControlViolation', ({ encoder }) => [
        encoder.credit(MAX_CREDIT - INITIAL_CREDIT),
        encoder.credit(1),
      ]);
      await child.open('echo', { initialCredit: MAX_CREDIT + 1 }).ends('flowControlViolation');
      await child.open('echo', { initialCredit: MAX_CREDIT }).close().ends('close', CANCELLED_MS);
    },
  },
];

interface SourceOptions {
  readonly count: number;
  readonly size: number;
  readonly initialCredit: number;
}

function source(child: ModuleChild, { count, size, initialCredit }: SourceOptions): ChildStream {
  return child.open('source', { metadata: entries({ count: `${count}`, size: `${size}` }), initialCredit });
}

/** The sequence number of the next Data. */
async function numberOf(stream: ChildStream): Promise<number> {
  return uint64Of((await stream.next()).subarray(0, 8));
}

/** Nothing more comes on the stream. A few questions to the module, and their answers, are the time for it. */
async function expectStill(child: ModuleChild, stream: ChildStream): Promise<void> {
  for (let round = 0; round < 10; round++) await child.health();
  expectThat(
    stream.ended === undefined && stream.moduleBalance <= 0,
    `stream ${stream.id} to wait for credit at a balance of 0 or below`,
    stream.ended === undefined ? `a balance of ${stream.moduleBalance}` : `its end: ${stream.ended.kind}`,
  );
}

/** Sizes of Data that together use up just that much credit. */
function windowful(credit: number): number[] {
  const sizes: number[] = [];
  for (let rest = credit; rest > 0; rest -= dataCost(Math.min(rest, 65_536)))
    sizes.push(Math.min(rest, 65_536));
  return sizes;
}
