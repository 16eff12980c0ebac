import type { Command } from 'commander';
import { keyValue } from '../terminal/arguments.ts';

interface DoctorFlags {
  method?: string;
  metadata?: readonly (readonly [string, string])[];
  in?: string;
  json?: true;
}

/** `ixt-module doctor FILE`: what is wrong with a module, where, and how to mend it. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check a module and its environment; find the code that prints to standard output')
    .argument('<file>', 'the module file, .js or .ts')
    .option('--method <name>', 'also watch a call of that stream method, for a minute at most')
    .option('-m, --metadata <key=value...>', 'metadata of that call', keyValue)
    .option('-i, --in <file>', 'input of that call; - is standard input')
    .option('--json', 'the findings as JSON')
    .addHelpText(
      'after',
      '\nEach print is shown with the stack of its caller: console, process.stdout.write, fs.writeSync(1), fs.write(1),\n' +
        '/dev/stdout, a child with inherited stdio (the place that started it), and native code (the call into the\n' +
        'addon; if it prints later, or on its own thread, only the printed text can be shown).\n' +
        'Exit code 0: no problem, though there may be warnings; 1: the module does not work.\n' +
        '\nExamples:\n' +
        '  ixt-module doctor ./digest.ts\n' +
        '  ixt-module doctor ./digest.ts --method sha256 --in photo.raw --json\n',
    )
    .action(async (file: string, { method, metadata = [], in: input, json }: DoctorFlags) => {
      const { runDoctor } = await import('./run.ts');
      process.exitCode = await runDoctor({ file, method, metadata, input, isJson: json === true });
    });
}
