import { EXIT } from '../../main/options.ts';
import { connectNamed } from '../nats/connect.ts';
import type { NatsFlags } from '../nats/flags.ts';
import { checkModuleFile } from '../open-module.ts';
import { showPage } from '../page-server/show-page.ts';
import { CliError } from '../terminal/failure.ts';
import { AttachApi } from './attach-api.ts';
import { DevApi } from './dev-api.ts';
import { NodesApi } from './nodes-api.ts';

export interface DevOptions {
  /** Exactly one of the two: a module file (with `nats` a module's name), or the path of an events socket. */
  readonly file: string | undefined;
  readonly attach: string | undefined;
  readonly nats: NatsFlags | undefined;
  readonly port: number;
  readonly opens: boolean;
  readonly serveFlags: readonly string[];
}

/** Serves the page until this process is ended. @throws CliError */
export async function runDev({ file, attach, nats, port, opens, serveFlags }: DevOptions): Promise<void> {
  const isOneOf = (file === undefined) !== (attach === undefined);
  if (!isOneOf || (attach !== undefined && nats !== undefined)) {
    throw new CliError(
      EXIT.usage,
      'dev needs one of: a module file, --nats and a module’s name, --attach and the path of a socket',
    );
  }
  if (attach !== undefined) {
    const api = new AttachApi(attach);
    await showPage(api, port, opens, () => api.close());
  } else if (file !== undefined && nats !== undefined) {
    const api = new NodesApi(await connectNamed(file, nats), file, `${nats.prefix ?? 'ixt'}.${file}`);
    await showPage(api, port, opens, () => api.close());
  } else if (file !== undefined) {
    await checkModuleFile(file);
    const api = new DevApi(file, serveFlags, (text) => void process.stderr.write(text));
    await showPage(api, port, opens, () => api.close());
    api.child.restart('');
  }
}
