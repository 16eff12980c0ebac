import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeToText, encodeLiterals, segmentSizes, toLiteral } from '../support/capnp.ts';
import { readLayout } from '../support/layout.ts';
import { SEGMENT_WORDS, unarySamples } from './corpus.ts';
import { toDoubleFar } from './double-far.ts';

const layout = readLayout();
const corpus = unarySamples();

for (const struct of new Set(corpus.map((sample) => sample.struct))) {
  const samples = corpus.filter((sample) => sample.struct === struct);
  const literals = samples.map(({ value }) => toLiteral(layout, struct, value));

  test(`${struct}: what we encode is what the capnp tool encodes, byte for byte, and reads as it`, () => {
    const theirs = encodeLiterals(struct, literals);
    samples.forEach(({ encoded, label }, i) => {
      assert.ok(Buffer.from(encoded).equals(theirs[i]!), label);
    });
    const ours = samples.map(({ encoded }) => encoded);
    assert.deepEqual(decodeToText(struct, ours), decodeToText(struct, theirs));
  });

  test(`${struct}: what the capnp tool encodes in one segment or in many, we decode`, () => {
    for (const segmentWords of SEGMENT_WORDS) {
      const theirs = encodeLiterals(struct, literals, segmentWords);
      const fewest = Math.min(...theirs.map((message) => segmentSizes(message).length));
      if (segmentWords === 1) assert.ok(fewest > 1, 'the tool made many segments');
      samples.forEach(({ read, expected, label }, i) => {
        assert.deepEqual(read(theirs[i]!), expected, `${label}, segments of ${segmentWords} words`);
      });
    }
  });

  test(`${struct}: double-far pointers read for us as they do for the capnp tool`, () => {
    const theirs = encodeLiterals(struct, literals);
    const far = theirs.map((message) => new Uint8Array(toDoubleFar(message)));
    assert.deepEqual(decodeToText(struct, far), decodeToText(struct, theirs));
    samples.forEach(({ read, expected, label }, i) => {
      assert.deepEqual(read(far[i]!), expected, label);
    });
  });
}
