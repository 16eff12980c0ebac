import { checkModuleFile } from '../open-module.ts';
import { showPage } from '../page-server/show-page.ts';
import { ViewApi } from './view-api.ts';

export interface ViewOptions {
  readonly file: string;
  /** Undefined: the recorded command. */
  readonly module: string | undefined;
  readonly port: number;
  readonly opens: boolean;
}

/** Serves the page of a recording until this process is ended. @throws CliError */
export async function runView({ file, module, port, opens }: ViewOptions): Promise<void> {
  if (module !== undefined) await checkModuleFile(module);
  const api = await ViewApi.open(file, module);
  await showPage(api, port, opens, () => Promise.resolve());
}
