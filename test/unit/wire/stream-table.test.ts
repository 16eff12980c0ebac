import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { IdWords, StreamId } from '../../../src/wire/stream-id.ts';
import { StreamTable, type TableEntry } from '../../../src/wire/stream-table.ts';

interface Entry extends TableEntry<Entry> {
  readonly id: StreamId;
}

function entryOf(at: IdWords): Entry {
  return { ...at, id: idOf(at), nextInBucket: undefined };
}

function idOf({ id0, id1, id2, id3 }: IdWords): StreamId {
  return [id0, id1, id2, id3].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('') as StreamId;
}

// Few ids, so that the same one is added, found and deleted again and again.
const words = fc.record({
  id0: fc.constantFrom(0, -1),
  id1: fc.constant(0),
  id2: fc.constantFrom(0, 0x1_0000),
  id3: fc.constantFrom(0, 1),
});

test('an id is found if and only if it is there, whatever was found or deleted before', () => {
  const step = fc.tuple(fc.constantFrom('add', 'delete', 'find', 'find'), words);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new StreamTable<Entry>();
      const known = new Map<StreamId, Entry>();
      for (const [what, at] of steps) {
        const id = idOf(at);
        if (what === 'add' && !known.has(id)) {
          const entry = entryOf(at);
          known.set(id, entry);
          table.add(entry);
        } else if (what === 'delete') {
          const entry = known.get(id);
          if (entry !== undefined) table.delete(entry);
          known.delete(id);
        }
        assert.equal(table.find(at), known.get(id));
        assert.equal(table.get(id), known.get(id));
        assert.equal(table.size, known.size);
      }
    }),
    { numRuns: 500 },
  );
});

test('ids that differ in one word only are told apart, with the other one just looked up', () => {
  const base: IdWords = { id0: 0, id1: 0, id2: 0, id3: 0 };
  for (const name of ['id0', 'id1', 'id2', 'id3'] as const) {
    for (let bit = 0; bit < 32; bit++) {
      const other = { ...base, [name]: 2 ** bit };
      const table = new StreamTable<Entry>();
      const entry = entryOf(base);
      table.add(entry);
      assert.equal(table.find(base), entry);
      assert.equal(table.find(other), undefined, `${name} bit ${bit}`);
    }
  }
});

test('an entry that is deleted late does not take the newer one of its id along', () => {
  const at: IdWords = { id0: 1, id1: 2, id2: 3, id3: 4 };
  const table = new StreamTable<Entry>();
  const [old, young] = [entryOf(at), entryOf(at)];
  table.add(old);
  table.delete(old);
  table.add(young);
  table.delete(old);
  assert.equal(table.find(at), young);
  assert.deepEqual(table.values(), [young]);
});

/** Ids that are cheap to think of, many of each kind, as all combinations of a few bits of each word. */
const CHOSEN: Readonly<Record<string, (n: number) => IdWords>> = {
  'in the low bits of the last word': (n) => ({ id0: 0, id1: 0, id2: 0, id3: n }),
  'in the top bits of the first two words': (n) => ({
    id0: (n & 63) << 26,
    id1: (n >>> 6) << 26,
    id2: 0,
    id3: 0,
  }),
  'in the top bits of all words': (n) => ({
    id0: (n & 7) << 29,
    id1: ((n >>> 3) & 7) << 29,
    id2: ((n >>> 6) & 7) << 29,
    id3: (n >>> 9) << 29,
  }),
};

for (const [where, idAt] of Object.entries(CHOSEN)) {
  test(`ids that differ ${where} only are found with a few comparisons`, () => {
    const table = new StreamTable<Entry>();
    let comparisons = 0;
    const ids = Array.from({ length: 4096 }, (_, n) => idAt(n));
    for (const id of ids) {
      const counted = {
        ...entryOf(id),
        get id3() {
          comparisons++;
          return id.id3;
        },
      };
      table.add(counted);
    }
    comparisons = 0;
    for (const id of ids) assert.notEqual(table.find(id), undefined);
    // One for the entry that was found before, one for the one that is looked for, and hardly any for strangers.
    assert.ok(comparisons / ids.length < 3, `${comparisons / ids.length} for each id`);
  });
}
