import { readFile } from 'node:fs/promises';
import type * as NatsLibrary from '@nats-io/transport-node';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { ModuleError } from '../errors.ts';

/** How to reach NATS: `servers` and credentials, or a connection that is there already. */
export interface NatsOptions {
  /** URLs of one or more servers of a cluster: `nats://a:4222`, `tls://…`; several also with commas between. */
  readonly servers?: string | readonly string[];
  /** A connection of your own, of nats.js with any transport; it is not closed here. */
  readonly connection?: NatsConnection;
  /** A file with a user's JWT and key, as `nsc` writes it. */
  readonly credsFile?: string;
  /** A file with an NKey seed. */
  readonly nkeyFile?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** PEM files: the authority that signed the server's certificate; the own certificate with its key. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** Anything else that nats.js takes; it goes over what is made of the options above. */
  readonly nats?: NodeConnectionOptions;
}

/** A connection, and whether it is ours to close. */
export interface OpenedConnection {
  readonly connection: NatsConnection;
  readonly isOurs: boolean;
}

const PACKAGE = '@nats-io/transport-node';

/**
 * The connection that the options mean.
 *
 * @param inboxPrefix where the server may send what is for this client alone
 * @throws ModuleError `unavailable` where no server answers or it refuses the credentials, `invalidArgument` for options that say
 *   nothing, `unimplemented` without the package
 */
export async function openConnection(options: NatsOptions, inboxPrefix: string): Promise<OpenedConnection> {
  const { connection, servers } = options;
  if (connection !== undefined) return { connection, isOurs: false };
  const list = listOf(servers);
  if (list.length === 0) {
    throw new ModuleError('invalidArgument', 'Give servers (nats://host:4222), or a connection of your own.');
  }
  const library = await load();
  const settings: NodeConnectionOptions = {
    servers: list,
    inboxPrefix,
    // By default the library gives up for good after ten tries, and takes four minutes to see that a server is silent.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 5_000,
    noAsyncTraces: true,
    ...(await credentialsOf(options, library)),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...options.nats,
  };
  try {
    return { connection: await library.connect(settings), isOurs: true };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ModuleError('unavailable', `NATS can't be used at ${list.join(', ')}: ${why}`, { cause });
  }
}

function listOf(servers: string | readonly string[] | undefined): string[] {
  const list = typeof servers === 'string' ? [servers] : (servers ?? []);
  return list.flatMap((text) => text.split(',')).flatMap((text) => (text.trim() === '' ? [] : [text.trim()]));
}

type Library = Pick<typeof NatsLibrary, 'connect' | 'credsAuthenticator' | 'nkeyAuthenticator'>;

/** Loaded late: it is an optional peer, and only who uses NATS has it. */
async function load(): Promise<Library> {
  try {
    return await import('@nats-io/transport-node');
  } catch (cause) {
    throw new ModuleError('unimplemented', `NATS needs the package ${PACKAGE}: npm install ${PACKAGE}`, {
      cause,
    });
  }
}

async function credentialsOf(options: NatsOptions, library: Library): Promise<NodeConnectionOptions> {
  const { credsFile, nkeyFile, user, password, token } = options;
  const authenticator = [
    ...(credsFile === undefined ? [] : [library.credsAuthenticator(await secretOf(credsFile))]),
    ...(nkeyFile === undefined ? [] : [library.nkeyAuthenticator(trimmed(await secretOf(nkeyFile)))]),
  ];
  return {
    ...(authenticator.length === 0 ? {} : { authenticator }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
  };
}

async function secretOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new ModuleError('invalidArgument', `The credentials in ${file} can't be read.`, { cause });
  }
}

/** A seed ends where its text does: editors add a line end. */
function trimmed(secret: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(secret).trim());
}
