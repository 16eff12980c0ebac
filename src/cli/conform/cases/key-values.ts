import { encodeEnvelope } from '../../../wire/envelope.ts';
import { encodeKvChange } from '../../../wire/payload-encode.ts';
import { expectSame, expectThat } from '../breach.ts';
import type { ConformCase } from '../case.ts';
import { uint64Of } from './streams.ts';

/** Key-value changes, as the method `kv` counts them. */
export const KEY_VALUE_CASES: readonly ConformCase[] = [
  {
    name: 'a handler has every change that the host wrote before its Open',
    rule: 'section 3, kvChangeNotification',
    needs: ['kv'],
    child: 'own',
    run: async (child) => {
      const expected = [0, 0, 0];
      for (const [round] of expected.entries()) {
        for (let version = 1; version <= 5; version++) {
          const key = `key ${round}.${version}`;
          const operation = version === 5 ? 'delete' : 'set';
          const change = encodeKvChange({ key, operation, version: BigInt(version) });
          child.send(encodeEnvelope('kvChangeNotification', '', change));
        }
        expectSame(
          'the changes that a handler has seen',
          uint64Of(await child.open('kv').answer()),
          5 * (round + 1),
        );
      }
    },
  },
  {
    name: 'the capability kvChange is said',
    rule: 'section 3, initialize',
    needs: ['kv'],
    child: 'shared',
    run: (child) => {
      const { capabilities } = child.info;
      expectThat(capabilities.includes('kvChange'), 'the capability kvChange', capabilities.join(', '));
      return Promise.resolve();
    },
  },
];
