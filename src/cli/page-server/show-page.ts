import { spawn } from 'node:child_process';
import { complain } from '../terminal/failure.ts';
import { checkPageFiles } from './page-files.ts';
import { openPage, type PageApi } from './page-server.ts';

/**
 * Opens the page for `api`, says where, and ends it all at SIGINT and SIGTERM.
 *
 * @param opens whether the browser is opened, too
 * @param close ends what is behind the page
 * @throws CliError where the page is not there, or the port can't be had
 */
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
