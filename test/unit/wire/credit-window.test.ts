import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { grantFits, GrantBatch, ReceiveWindow } from '../../../src/wire/credit.ts';
import { dataCost } from '../../../src/wire/flow-limits.ts';

// The numbers are the protocol's: a frame costs its payload and never less than 64; at most 1 MiB a frame; balances up
// to 2^31-1. They are spelled out here, so that a wrong constant shows.
const MIN_COST = 64;
const MAX_DATA = 1_048_576;
const MAX_BALANCE = 2_147_483_647;

/** What a job's word holds: counts modulo 2^32, as a signed number. */
function asWord(count: number): number {
  return Number(BigInt.asIntN(32, BigInt(count)));
}

const payload = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: MAX_DATA }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 63, 64, 65, MAX_DATA - 1, MAX_DATA) },
);

test('a frame costs its payload, and never less than 64 bytes', () => {
  for (const [length, cost] of [
    [0, 64],
    [1, 64],
    [63, 64],
    [64, 64],
    [65, 65],
    [MAX_DATA, MAX_DATA],
  ] as const) {
    assert.equal(dataCost(length), cost);
  }
});

test('a grant fits up to a balance of 2^31-1 and not one byte beyond', () => {
  assert.equal(grantFits(0, MAX_BALANCE), true);
  assert.equal(grantFits(0, MAX_BALANCE + 1), false);
  assert.equal(grantFits(1, MAX_BALANCE), false);
  assert.equal(grantFits(MAX_BALANCE, 0), true);
  assert.equal(grantFits(MAX_BALANCE, 1), false);
  assert.equal(grantFits(-MAX_DATA, MAX_BALANCE), true);
  // The largest UInt32 that a frame can carry never fits: the least balance is one frame below 0.
  assert.equal(grantFits(-MAX_DATA, 0xffff_ffff), false);
});

test('grantFits is exact for every balance and every UInt32', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -MAX_DATA, max: MAX_BALANCE }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      (balance, grant) => grantFits(balance, grant) === BigInt(balance) + BigInt(grant) <= 2_147_483_647n,
    ),
    { numRuns: 2000 },
  );
});

test('a window takes frames while its balance is above 0, and one of them may overdraw it', () => {
  const window = new ReceiveWindow(1000);
  assert.equal(window.accept(999, 0), true);
  assert.equal(window.balance(0), 1);
  assert.equal(window.accept(MAX_DATA, 0), true, 'one byte of balance lets the largest frame in');
  assert.equal(window.balance(0), 1 - MAX_DATA);
  assert.equal(window.accept(0, 0), false, 'nothing more, not even an empty frame');
  assert.equal(window.accept(0, MAX_DATA - 1), false, 'a balance of exactly 0 is none');
  assert.equal(window.accept(0, MAX_DATA), true);
});

test('a payload over 1 MiB is refused whatever the balance', () => {
  const window = new ReceiveWindow(MAX_BALANCE);
  assert.equal(window.accept(MAX_DATA + 1, 0), false);
  assert.equal(window.balance(0), MAX_BALANCE, 'a refused frame is not counted');
  assert.equal(window.accept(MAX_DATA, 0), true);
});

test('a refused frame changes nothing', () => {
  const window = new ReceiveWindow(64);
  assert.equal(window.accept(0, 0), true);
  for (let i = 0; i < 3; i++) assert.equal(window.accept(10, 0), false);
  assert.equal(window.balance(0), 0);
});

test('the window agrees with exact arithmetic over any run of frames and grants, also past 2^32 bytes', () => {
  const step = fc.record({
    payload,
    /** How much of what is taken and not granted yet is granted before the frame: none, all or a part. */
    share: fc.constantFrom(0, 0.25, 0.5, 1),
    /** Bytes that pass unseen, full frames each time: brings the counters around 2^31 and 2^32. */
    skip: fc.constantFrom(0, 0, 0, 1, 2047, 4095),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 1 << 22 }),
      fc.array(step, { maxLength: 60 }),
      (initial, steps) => {
        const window = new ReceiveWindow(initial);
        let received = 0;
        let granted = 0;
        const take = (length: number): void => {
          const balance = initial + granted - received;
          const mayPass = balance > 0 && length <= MAX_DATA;
          assert.equal(window.accept(length, asWord(granted)), mayPass);
          if (mayPass) received += Math.max(length, MIN_COST);
        };
        for (const { payload: length, share, skip } of steps) {
          for (let i = 0; i < skip; i++) {
            granted = received;
            take(MAX_DATA);
          }
          granted += Math.floor((received - granted) * share);
          take(length);
          assert.equal(window.balance(asWord(granted)), initial + granted - received);
          assert.ok(window.balance(asWord(granted)) > -MAX_DATA, 'negative by less than one frame');
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('the counters go round 2^32 without a trace', () => {
  const window = new ReceiveWindow(262_144);
  let total = 0;
  // 4,200 MiB: once past 2^31, and once past 2^32.
  for (let i = 0; i < 4200; i++) {
    assert.equal(window.accept(MAX_DATA, asWord(total)), true);
    total += MAX_DATA;
    assert.equal(window.balance(asWord(total)), 262_144);
    assert.equal(window.balance(asWord(total - MAX_DATA)), 262_144 - MAX_DATA);
  }
});

test('grants come in batches of half a window and add up to exactly what was taken', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 128, max: 1 << 20 }),
      fc.array(payload, { maxLength: 200 }),
      (window, taken) => {
        const batch = new GrantBatch(window);
        // Of the protocol's window at most: a host may not know of a larger one.
        const half = Math.floor(Math.min(window, 262_144) / 2);
        let owed = 0;
        for (const length of taken) {
          owed += Math.max(length, MIN_COST);
          const grant = batch.took(length);
          if (owed >= half) {
            assert.equal(grant, owed);
            owed = 0;
          } else {
            assert.equal(grant, 0);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a sender that spends all it gets is never stuck while the consumer takes all that comes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 128, max: 1 << 19 }),
      fc.array(payload, { minLength: 1, maxLength: 300 }),
      (initial, frames) => {
        const receiver = new ReceiveWindow(initial);
        const batch = new GrantBatch(initial);
        let balance = initial;
        let granted = 0;
        for (const length of frames) {
          // What is taken is granted back at half a window at the latest, so more than that is never withheld.
          assert.ok(balance > 0, 'the sender waits for ever');
          balance -= Math.max(length, MIN_COST);
          assert.equal(receiver.accept(length, asWord(granted)), true);
          const grant = batch.took(length);
          balance += grant;
          granted += grant;
        }
      },
    ),
    { numRuns: 300 },
  );
});
