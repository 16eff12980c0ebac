import { Option, type Command } from 'commander';
import { SERVE_FLAGS } from '../serve/flags.ts';
import { integer } from '../terminal/arguments.ts';

interface DevFlags {
  readonly port: number;
  readonly open?: true;
  readonly attach?: string;
  readonly workers?: number;
  readonly streamsPerWorker?: number;
  readonly maxQueue?: number;
}

/** The flags of `serve` that matter to who tries a module. */
const PASSED = ['--workers', '--streams-per-worker', '--max-queue', '--cancel-grace-ms', '--worker-heap-mb'];

/** `ixt-module dev FILE`: a module at work, in the browser. */
export function addDev(program: Command): void {
  const command = program
    .command('dev')
    .description('show a module at work in the browser, and start it again when its files change')
    .argument('[file]', 'the module file, .js or .ts')
    .addOption(new Option('--port <n>', 'of 127.0.0.1; 0: any').argParser(integer(0, 65_535)).default(0))
    .option('--open', 'open the browser')
    .option('--attach <path>', 'look at the module that a host runs with serve --events-socket <path>');
  for (const { flag, about, min, max } of SERVE_FLAGS.filter(({ flag }) => PASSED.includes(flag))) {
    command.addOption(new Option(`${flag} <n>`, about).argParser(integer(min, max)));
  }
  command
    .addHelpText(
      'after',
      '\nThe page is served on 127.0.0.1 alone, at an address with a token that it prints: whoever knows it can call\n' +
        'the module. It lists the methods, calls them, and shows each worker with its streams.\n' +
        '\nExamples:\n' +
        '  ixt-module dev ./digest.js --open\n' +
        '  ixt-module dev --attach /run/digest.events\n',
    )
    .action(async (file: string | undefined, flags: DevFlags) => {
      const { runDev } = await import('./run.ts');
      const { port, open, attach, ...serve } = flags;
      const passed = Object.entries(serve).flatMap(([name, value]) => [dashed(name), String(value)]);
      await runDev({ file, port, opens: open === true, attach, serveFlags: passed });
    });
}

/** `maxQueue` as `--max-queue`. */
function dashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
