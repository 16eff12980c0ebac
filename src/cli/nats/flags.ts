import type { Command } from 'commander';
import type { NatsOptions } from '../../nats/index.ts';
import { EXIT } from '../../main/options.ts';
import { isModuleError } from '../../errors.ts';
import { CliError } from '../terminal/failure.ts';

/** The flags of the commands that use NATS. */
export interface NatsFlags {
  readonly nats?: string;
  readonly prefix?: string;
  readonly inboxPrefix?: string;
  readonly creds?: string;
  readonly nkey?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function addNatsFlags(command: Command, about: string): Command {
  return command
    .option('--nats <urls>', about)
    .option('--prefix <words>', 'in front of all subjects', 'ixt')
    .option('--inbox-prefix <words>', 'in front of the subjects that are this process’s alone', '_INBOX')
    .option('--creds <file>', 'credentials: a user’s JWT and key, as nsc writes them')
    .option('--nkey <file>', 'credentials: an NKey seed')
    .option('--tls-ca <file>', 'the authority that signed the server’s certificate, PEM')
    .option('--tls-cert <file>', 'the own certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM');
}

/** How they are explained, at the end of a command's help. */
export const NATS_HELP =
  '\nNATS_USER, NATS_PASSWORD and NATS_TOKEN in the environment are credentials, too: a command line can be read by others.\n';

/** @throws CliError without `--nats` */
export function natsOptionsOf(flags: NatsFlags): NatsOptions {
  const { nats, creds, nkey, tlsCa, tlsCert, tlsKey } = flags;
  if (nats === undefined) {
    throw new CliError(
      EXIT.usage,
      'it needs --nats with the URL of a NATS server',
      'As in --nats nats://127.0.0.1:4222.',
    );
  }
  const { NATS_USER: user, NATS_PASSWORD: password, NATS_TOKEN: token } = process.env;
  const tls = {
    ...(tlsCa === undefined ? {} : { caFile: tlsCa }),
    ...(tlsCert === undefined ? {} : { certFile: tlsCert }),
    ...(tlsKey === undefined ? {} : { keyFile: tlsKey }),
  };
  return {
    servers: nats,
    ...(creds === undefined ? {} : { credsFile: creds }),
    ...(nkey === undefined ? {} : { nkeyFile: nkey }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

/** A failure that is the user's or the system's to mend, without a stack. */
export function natsFailure(error: unknown): unknown {
  if (!isModuleError(error)) return error;
  return new CliError(error.code === 'invalidArgument' ? EXIT.usage : 1, error.message);
}
