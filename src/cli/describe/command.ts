import type { Command } from 'commander';

/** `ixt-module describe FILE`: what a host learns of a module. */
export function addDescribe(program: Command): void {
  program
    .command('describe')
    .description('show a module’s name, capabilities and methods, with their codecs and limits')
    .argument('<file>', 'the module file, .js or .ts')
    .option('--json', 'as JSON')
    .option('--client', 'as TypeScript: the shapes of the methods, for a host that does not share code')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  ixt-module describe ./digest.js\n' +
        '  ixt-module describe ./digest.js --client > digest-client.ts\n' +
        "  ixt-module describe ./digest.js --json | jq -r '.methods[]'\n",
    )
    .action(async (file: string, { json, client }: { json?: true; client?: true }) => {
      const { openModule } = await import('../open-module.ts');
      const { module, info } = await openModule(file, 'describe', { workers: 1 });
      await module.close();
      if (client === true) {
        const { renderClient } = await import('./client.ts');
        return void process.stdout.write(renderClient(info));
      }
      const { describeAsJson, renderDescription } = await import('./description.ts');
      process.stdout.write(`${json === true ? describeAsJson(info) : renderDescription(info)}\n`);
    });
}
