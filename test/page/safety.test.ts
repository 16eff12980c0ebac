import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { awaitState, awaitText, call, callPanel, serve, show } from './helpers.ts';

const SHOWN = built.fixture('shown');

interface Answer {
  readonly status: number | undefined;
  readonly policy: string | undefined;
  readonly body: string;
}

/** Asks as a program can, which may send any header. */
function ask(address: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(address, { method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      const policy = response.headers['content-security-policy'] as string | undefined;
      text(response).then((answer) => resolve({ status: response.statusCode, policy, body: answer }), reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

test('only the page itself is answered: its host, its origin, its token', async (t) => {
  const { address } = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const own = await ask(address);
  assert.equal(own.status, 200);
  assert.match(own.policy ?? '', /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/);
  assert.doesNotMatch(own.policy ?? '', /unsafe/);
  const { port, origin } = new URL(address);
  const refusedHeaders: Record<string, string>[] = [
    { Host: `evil.example:${port}` },
    { Host: `localhost:${port}` },
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ];
  for (const headers of refusedHeaders) {
    assert.equal((await ask(address, headers)).status, 403, JSON.stringify(headers));
    const restart = await ask(`${address}restart`, { ...JSON_TYPE, ...headers }, '{}');
    assert.equal(restart.status, 403, JSON.stringify(headers));
  }
  assert.equal((await ask(`${origin}/`)).status, 403);
  assert.equal((await ask(`${origin}/${'0'.repeat(32)}/feed`)).status, 403);
  // What a form of another site can send, if it knew the token.
  assert.equal((await ask(`${address}restart`, { 'Content-Type': 'text/plain' }, '{}')).status, 415);
});

test('what is asked is checked and bounded, and no path leads to other files', async (t) => {
  const { address } = await serve(t, ['dev', SHOWN, '--workers', '1']);
  for (const path of [
    '..%2f..%2fpackage.json',
    '../../package.json',
    '%2e%2e/package.json',
    'recordings/..%2f..',
  ]) {
    const { status } = await ask(`${address}${path}`);
    assert.ok(status === 404 || status === 403 || status === 400, `${path}: ${status}`);
  }
  const open = {
    method: 'echo',
    kind: 'stream',
    input: '',
    lines: false,
    ends: true,
    deadlineMs: 0,
    initialCredit: 1,
    grants: true,
    count: 1,
  };
  const wrong = [
    { ...open, count: 10_001 },
    { ...open, count: 1.5 },
    { ...open, kind: 'shell' },
    { ...open, method: 'x'.repeat(10_001) },
    { ...open, initialCredit: 2 ** 31 },
    { ...open, input: 3 },
    [],
    'text',
  ];
  for (const body of wrong) {
    const { status } = await ask(`${address}calls`, JSON_TYPE, JSON.stringify(body));
    assert.equal(status, 400, JSON.stringify(body).slice(0, 80));
  }
  assert.equal((await ask(`${address}calls`, JSON_TYPE, '{')).status, 400);
  const large = await ask(`${address}calls`, JSON_TYPE, `"${'x'.repeat(25 << 20)}"`).catch(() => undefined);
  // The answer may be lost where the connection is cut, as more is sent than is read.
  assert.ok(large === undefined || large.status === 400);
});

test('hostile names, messages and payloads are text on the page and do nothing', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const { page } = await show(served);
  await call(page, 'hostile');
  await awaitState(page, 'done');
  await awaitText(callPanel(page), '<script>window.hacked=1</script>');
  await call(page, '<img src=x');
  await awaitState(page, 'done');
  await awaitText(callPanel(page), '<b>key</b>');
  await page.getByRole('tab', { name: 'Log' }).click();
  await awaitText(page.getByRole('log'), '<img src=x onerror=');
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('img[src=x]').count(), 0);
});

test('a page of another site can neither read nor call', async (t) => {
  const served = await serve(t, ['dev', SHOWN, '--workers', '1']);
  const { page } = await show(served);
  const other = await page.context().newPage();
  await other.goto('data:text/html,<title>other</title>');
  const outcome = await other.evaluate(async (address) => {
    const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
    const tried = await Promise.allSettled([fetch(address), fetch(`${address}restart`, post)]);
    return tried.map(({ status }) => status);
  }, served.address);
  assert.deepEqual(outcome, ['rejected', 'rejected']);
  await other.close();
});
