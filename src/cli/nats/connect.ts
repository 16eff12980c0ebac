import type { HostSessionOptions } from '../../host/index.ts';
import type { NatsModule } from '../../nats/index.ts';
import { natsFailure, natsOptionsOf, type NatsFlags } from './flags.ts';

/** Connects to a module by its name. @throws CliError where NATS can't be used */
export async function connectNamed(
  name: string,
  flags: NatsFlags,
  options: Pick<HostSessionOptions, 'onViolation'> = {},
): Promise<NatsModule> {
  const { prefix, inboxPrefix } = flags;
  const connection = natsOptionsOf(flags);
  const { connectModule } = await import('../../nats/index.ts');
  return connectModule({
    ...connection,
    ...options,
    name,
    ...(prefix === undefined ? {} : { prefix }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  }).catch((error: unknown) => {
    throw natsFailure(error);
  });
}
