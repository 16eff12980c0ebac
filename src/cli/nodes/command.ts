import type { Command } from 'commander';
import { addNatsFlags, NATS_HELP, type NatsFlags } from '../nats/flags.ts';

interface NodesFlags extends NatsFlags {
  readonly json?: true;
}

/** `ixt-module nodes NAME --nats URL`: who serves a module, and how busy each is. */
export function addNodes(program: Command): void {
  const command = program
    .command('nodes')
    .description('say which nodes serve a module on NATS, and how busy each is')
    .argument('<name>', 'the module’s name');
  addNatsFlags(command, 'URLs of NATS servers, with commas between')
    .option('--json', 'a line of JSON for each node')
    .addHelpText('after', `${NATS_HELP}\nExample:\n  ixt-module nodes digest --nats nats://a:4222\n`)
    .action(async (name: string, flags: NodesFlags) => {
      const { runNodes } = await import('./run.ts');
      process.exit(await runNodes(name, flags, flags.json === true));
    });
}
