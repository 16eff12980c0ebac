import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, connectModule, failureOf, joinNode, LIMIT, startServer } from './world.ts';

/** The permissions of docs/scale-out.md, with the words that are to be replaced. */
const PERMISSIONS = `
authorization {
  users = [
    { user: node, password: n, permissions: {
        publish: ["_INBOX.>"],
        subscribe: ["ixt.conformance.want q", "ixt.conformance.node.>", "ixt.conformance.kv", "$SRV.>"] } }
    { user: alice, password: a, permissions: {
        publish: ["ixt.conformance.want", "ixt.conformance.kv", "ixt.conformance.node.>", "$SRV.>"],
        subscribe: ["_INBOX.alice.>"] } }
    { user: mallory, password: m, permissions: { publish: ["other"], subscribe: ["_INBOX.mallory.>"] } }
    { user: bob, password: b, permissions: { publish: ["ixt.>", "$SRV.>"], subscribe: ["_INBOX.bob.>"] } }
  ]
}
`;

test(
  'with the permissions of the page alice works, and mallory can neither ask nor listen for others',
  LIMIT,
  async (t) => {
    const server = await startServer(t, PERMISSIONS);
    await joinNode(t, server, { user: 'node', password: 'n' });
    const alice = await connect(t, server, { user: 'alice', password: 'a', inboxPrefix: '_INBOX.alice' });
    const stream = alice.openStream('echo');
    await stream.send(Uint8Array.of(1));
    stream.end();
    assert.deepEqual((await stream.next()).value, Uint8Array.of(1));
    assert.equal((await alice.nodes()).length, 1);
    const mallory = await connect(t, server, {
      user: 'mallory',
      password: 'm',
      inboxPrefix: '_INBOX.mallory',
    });
    const refused = await failureOf(mallory.openStream('echo').closed);
    assert.equal(refused.code, 'unavailable');
    assert.match(refused.message, /Permissions Violation for Publish to "ixt.conformance.want"/);
    const spying = connectModule({
      servers: server.url,
      name: 'conformance',
      user: 'bob',
      password: 'b',
      inboxPrefix: '_INBOX.alice',
    });
    assert.match((await failureOf(spying)).message, /Permissions Violation for Subscription/);
    const wrong = connectModule({ servers: server.url, name: 'conformance', user: 'alice', password: 'x' });
    assert.match((await failureOf(wrong)).message, /Authorization Violation/);
  },
);

test('a node whose permissions lack something does not join, and says what', LIMIT, async (t) => {
  const server = await startServer(t, PERMISSIONS);
  const error = await failureOf(joinNode(t, server, { user: 'alice', password: 'a' }));
  assert.match(error.message, /refuses a node: .*Permissions Violation/);
});

test(
  'a token and a client certificate work over TLS, and an unknown authority is refused',
  LIMIT,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ixt-tls-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const at = (name: string): string => join(folder, name);
    const openssl = (...args: string[]): void =>
      void execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
    );
    writeFileSync(at('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    for (const name of ['server', 'client']) {
      openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const signing = [
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        'san.cnf',
      ];
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signing);
    }
    const server = await startServer(
      t,
      `authorization { token: s3cret }
     tls { cert_file: "${at('server.pem')}", key_file: "${at('server.key')}", ca_file: "${at('ca.pem')}", verify: true }`,
    );
    const tls = { caFile: at('ca.pem'), certFile: at('client.pem'), keyFile: at('client.key') };
    await joinNode(t, server, { token: 's3cret', tls });
    const module = await connect(t, server, { token: 's3cret', tls });
    assert.deepEqual(await module.request('echo', Uint8Array.of(1)), Uint8Array.of(1));
    const stranger = connectModule({ servers: server.url, name: 'conformance', token: 's3cret', tls: {} });
    assert.equal((await failureOf(stranger)).code, 'unavailable');
  },
);

test('what a stranger publishes to a node ends in a bye, or nowhere, and harms nobody', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await joinNode(t, server, { workers: 1 });
  const module = await connect(t, server);
  const stream = module.openStream('echo');
  await stream.send(Uint8Array.of(1));
  await stream.next();
  const nats = await import('@nats-io/transport-node');
  const connection = await nats.connect({ servers: server.url });
  t.after(() => connection.close());
  const to = (token: string): string => `ixt.conformance.node.${node.id}.${token}`;
  const answers = connection.subscribe('stranger.x');
  const header = (kind: number, seq: number): Uint8Array =>
    Uint8Array.of(kind, 0, 1, 0, 0, 0, 0, 0, seq, ...Array<number>(15).fill(0));
  connection.publish(to('no'), 'nothing that was promised');
  connection.publish(to('a'), new Uint8Array(5), { reply: 'stranger.x' });
  connection.publish(to('b'), header(1, 7), { reply: 'stranger.x' });
  const garbage = new Uint8Array(64).fill(0xff);
  connection.publish(to('c'), Uint8Array.of(...header(4, 1), ...garbage), { reply: 'stranger.x' });
  connection.publish('ixt.conformance.kv', garbage);
  const kinds: number[] = [];
  for await (const { data } of answers) if (kinds.push(data[0] ?? 0) === 2) break;
  assert.deepEqual(kinds, [3, 3]);
  await stream.send(Uint8Array.of(2));
  assert.deepEqual((await stream.next()).value, Uint8Array.of(2));
  stream.end();
  await stream.closed;
});
