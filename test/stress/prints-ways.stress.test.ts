import { test } from 'node:test';
import { checkPrints } from './support/prints.ts';
import { LIMIT } from '../process/helpers.ts';

test('six ways to print, while loading and in a handler, leave no byte on the protocol', LIMIT, () =>
  checkPrints(['console', 'stdout', 'fd', 'async-fd', 'dev-stdout', 'child']),
);
