import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type RequestHead } from '../../../../src/cli/page-server/guard.ts';

const TOKEN = 'a'.repeat(32);

function judged(head: Partial<RequestHead>): unknown {
  const { method = 'GET', url = `/${TOKEN}/feed`, headers = {} } = head;
  const answer = judge({ method, url, headers: { host: '127.0.0.1:4000', ...headers } }, TOKEN, 4000);
  return 'status' in answer ? answer.status : answer.path;
}

test('the page’s own requests are granted, with what they ask for', () => {
  assert.equal(judged({}), 'feed');
  assert.equal(judged({ url: `/${TOKEN}/`, headers: { 'sec-fetch-site': 'none' } }), '');
  const headers = { origin: 'http://127.0.0.1:4000', 'sec-fetch-site': 'same-origin' };
  assert.equal(
    judged({ method: 'POST', headers: { ...headers, 'content-type': 'application/json' } }),
    'feed',
  );
});

test('another host, origin or site is refused, and so is a token that is not the whole one', () => {
  assert.equal(judged({ headers: { host: 'rebound.example:4000' } }), 403);
  assert.equal(judged({ headers: { host: '127.0.0.1' } }), 403);
  assert.equal(judged({ headers: { origin: 'http://127.0.0.1:4001' } }), 403);
  assert.equal(judged({ headers: { 'sec-fetch-site': 'same-site' } }), 403);
  assert.equal(judged({ url: `/${TOKEN.slice(1)}/feed` }), 403);
  assert.equal(judged({ url: `/${TOKEN}a/feed` }), 403);
  assert.equal(judged({ url: '//evil.example/x' }), 403);
});

test('a request without a page may not be typed into the address line, and only two methods are known', () => {
  const json = { 'content-type': 'application/json' };
  assert.equal(judged({ method: 'POST', headers: { ...json, 'sec-fetch-site': 'none' } }), 403);
  assert.equal(judged({ method: 'POST', headers: { 'content-type': 'text/plain' } }), 415);
  assert.equal(judged({ method: 'PUT' }), 405);
});
