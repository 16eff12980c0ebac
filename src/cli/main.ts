import { nodeComplaint } from './node-version.ts';

// Everything else is loaded late: a Node that is too old can't even read it.
const complaint = nodeComplaint(process.versions.node);
if (complaint !== undefined) {
  process.stderr.write(`ixt-module: ${complaint}\n`);
  process.exitCode = 78;
} else {
  void import('./command-line.ts').then(({ runCommandLine }) => runCommandLine());
}
