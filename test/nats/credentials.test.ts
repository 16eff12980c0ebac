import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectNats } from '@nats-io/transport-node';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';
import { connect, connectModule, failureOf, joinNode, LIMIT, startNode, startServer } from './world.ts';

/** A file that is gone with the test. */
function fileOf(t: TestContext, name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-creds-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function seedOf(pair: KeyPair): string {
  return new TextDecoder().decode(pair.getSeed());
}

/** A JWT as nsc makes them: signed by `issuer`, about `subject`. */
function jwtOf(type: 'operator' | 'account' | 'user', issuer: KeyPair, subject: KeyPair): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  // Zero would be a limit.
  const traffic = { subs: -1, data: -1, payload: -1 };
  const limits = { ...traffic, imports: -1, exports: -1, conn: -1, leaf: -1 };
  const own = { operator: {}, account: { limits }, user: traffic }[type];
  const nats = { type, version: 2, ...own };
  const claims = {
    jti: type,
    iat: 1,
    iss: issuer.getPublicKey(),
    name: type,
    sub: subject.getPublicKey(),
    nats,
  };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

test(
  'a node and a client show who they are by an NKey of a file, and a stranger’s is refused',
  LIMIT,
  async (t) => {
    const user = createUser();
    const server = await startServer(t, `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`);
    const nkeyFile = fileOf(t, 'user.nk', `${seedOf(user)}\n`);
    await startNode(t, server, ['--nkey', nkeyFile]);
    const module = await connect(t, server, { nkeyFile });
    assert.deepEqual(await module.request('echo', Uint8Array.of(1)), Uint8Array.of(1));
    const stranger = fileOf(t, 'stranger.nk', seedOf(createUser()));
    const refused = connectModule({ servers: server.url, name: 'conformance', nkeyFile: stranger });
    assert.equal((await failureOf(refused)).code, 'unavailable');
  },
);

test('a node and a client show who they are by a credentials file, as nsc writes it', LIMIT, async (t) => {
  const [operator, account, user] = [createOperator(), createAccount(), createUser()];
  const server = await startServer(
    t,
    `operator: ${jwtOf('operator', operator, operator)}
     resolver: MEMORY
     resolver_preload: { ${account.getPublicKey()}: ${jwtOf('account', operator, account)} }`,
  );
  const line = (what: string, text: string): string =>
    `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
  const credsFile = fileOf(
    t,
    'user.creds',
    `${line('NATS USER JWT', jwtOf('user', account, user))}\n${line('USER NKEY SEED', seedOf(user))}`,
  );
  await startNode(t, server, ['--creds', credsFile]);
  const module = await connect(t, server, { credsFile });
  assert.deepEqual(await module.request('echo', Uint8Array.of(2)), Uint8Array.of(2));
  assert.equal(
    (await failureOf(connectModule({ servers: server.url, name: 'conformance' }))).code,
    'unavailable',
  );
});

test('a connection of one’s own serves, and is open when node and client are closed', LIMIT, async (t) => {
  const server = await startServer(t);
  const connection = await connectNats({ servers: server.url });
  t.after(() => connection.close());
  const node = await joinNode(t, server, { connection });
  const module = await connect(t, server, { connection });
  assert.deepEqual(await module.request('echo', Uint8Array.of(3)), Uint8Array.of(3));
  await module.close();
  await node.close();
  assert.equal(connection.isClosed(), false);
  await connection.flush();
});
