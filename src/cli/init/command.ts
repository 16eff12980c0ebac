import type { Command } from 'commander';

/** `ixt-module init DIR`: a new module that works. */
export function addInit(program: Command): void {
  program
    .command('init')
    .description('make a new TypeScript module, with a test that passes')
    .argument('<dir>', 'a new or empty folder; its name becomes the module’s')
    .addHelpText('after', '\nExample:\n  ixt-module init hello && cd hello && npm install && npm test\n')
    .action(async (folder: string) => {
      const { runInit } = await import('./run.ts');
      await runInit(folder);
    });
}
