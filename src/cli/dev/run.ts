import { spawn } from 'node:child_process';
import { EXIT } from '../../main/options.ts';
import { checkModuleFile } from '../open-module.ts';
import { checkPageFiles } from '../page-server/page-files.ts';
import { openPage, type PageApi } from '../page-server/page-server.ts';
import { CliError, complain } from '../terminal/failure.ts';
import { DevApi } from './dev-api.ts';

export interface DevOptions {
  /** Undefined with `attach`. */
  readonly file: string | undefined;
  readonly port: number;
  readonly opens: boolean;
  /** Path of an events socket. */
  readonly attach: string | undefined;
  readonly serveFlags: readonly string[];
}

/** Serves the page until this process is ended. @throws CliError */
export async function runDev({ file, port, opens, serveFlags }: DevOptions): Promise<void> {
  if (file === undefined) throw new CliError(EXIT.usage, 'dev needs the module file');
  await checkModuleFile(file);
  const api = new DevApi(file, serveFlags, (text) => void process.stderr.write(text));
  await showPage(api, port, opens, () => api.close());
  api.child.restart('');
}

/** Opens the page for `api`, says where, and ends it all at SIGINT and SIGTERM. */
export async function showPage(
  api: PageApi,
  port: number,
  opens: boolean,
  close: () => Promise<void>,
): Promise<void> {
  await checkPageFiles();
  const page = await openPage(api, port);
  process.stdout.write(`${page.address}\n`);
  if (opens) openBrowser(page.address);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      page.close();
      void close().then(() => process.exit(0));
    });
  }
}

function openBrowser(address: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const browser = spawn(program, [address], { stdio: 'ignore', detached: true });
  browser.on('error', () => complain(`ixt-module: there is no ${program} here; open the address by hand`));
  browser.unref();
}
