import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULES } from '../../../benchmarks/frame-stages.ts';
import { readSources } from './sources.ts';

test('each path by which a profile tells the stages of a frame is that of a file, so that none is lost when files move', () => {
  const files = readSources('src').map(({ path }) => path);
  const paths = Object.values(RULES)
    .flat()
    .flatMap(([, ...places]) => places)
    .filter((place) => place.startsWith('src/'));
  assert.ok(paths.length > 10);
  assert.deepEqual(
    paths.filter((path) => !files.some((file) => file.startsWith(path))),
    [],
  );
});
