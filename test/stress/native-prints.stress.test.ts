import { test } from 'node:test';
import { buildAddon } from './support/print-addon.ts';
import { checkPrints } from './support/prints.ts';

test('what an addon prints, while loading and in a handler, leaves no byte on the protocol', async (t) => {
  await checkPrints(['native'], { IXT_PRINT_ADDON: buildAddon(t) });
});
