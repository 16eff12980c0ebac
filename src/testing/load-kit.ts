import { refuseInBundle } from '../base/package-files.ts';
import type { ModuleDefinition, StreamHandlers } from '../module.ts';
import type * as Kit from './test-module.ts';

/**
 * Runs a module in memory, without a child process: host and module talk through the real demux, codec, scheduler and credit
 * accounting, and each breach of the contract fails `TestModule.close`.
 *
 * @throws Error with the reason if the module can't be run, or the kit itself: it is of no use in a bundle of ES modules
 */
export async function testModule<H extends StreamHandlers>(
  definition: ModuleDefinition<H>,
  options: Kit.TestModuleOptions = {},
): Promise<Kit.TestModule<H>> {
  const { TestModule } = await loadKit();
  const module = new TestModule(definition, options);
  await module.start();
  return module;
}

/** Late, since what throws while a program loads its modules can't be explained: Piscina is CommonJS, and asks for `require`. */
async function loadKit(): Promise<typeof Kit> {
  try {
    return await import('./test-module.ts');
  } catch (error) {
    refuseInBundle('the test kit can’t be loaded from code that was put');
    throw error;
  }
}
