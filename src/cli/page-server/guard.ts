import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The headers by which a request is judged. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A request that is answered: what it asks for, below the token, and its query. */
export interface Granted {
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface Refused {
  readonly status: 400 | 403 | 404 | 405 | 415;
  readonly why: string;
}

/**
 * Decides who may ask: the page that was opened by its address, and programs that know it.
 *
 * Another site in the same browser can send requests here. It doesn't know the token, and its requests say whose they are by Origin
 * and `Sec-Fetch-Site`. A name that an attacker's DNS points to this machine shows in Host.
 *
 * @param token in the path of each request
 * @param port of 127.0.0.1
 */
export function judge({ method, url, headers }: RequestHead, token: string, port: number): Granted | Refused {
  const host = `127.0.0.1:${port}`;
  if (headers.host !== host) return { status: 403, why: `this server is ${host} and nothing else` };
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) {
    return { status: 403, why: 'the request comes from another site' };
  }
  const site = headers['sec-fetch-site'];
  const isTyped = site === 'none' && method === 'GET';
  if (site !== undefined && site !== 'same-origin' && !isTyped) {
    return { status: 403, why: 'the request comes from another site' };
  }
  if (!URL.canParse(url, `http://${host}`)) return { status: 400, why: 'the address can’t be read' };
  const { pathname, searchParams } = new URL(url, `http://${host}`);
  const [, given = '', ...rest] = pathname.split('/');
  if (!isSame(given, token)) return { status: 403, why: 'the address has no token, or a wrong one' };
  if (method === 'POST') {
    // A form of another site can't send this type.
    if (headers['content-type'] !== 'application/json') return { status: 415, why: 'a request is JSON' };
  } else if (method !== 'GET') return { status: 405, why: 'only GET and POST are known' };
  return { path: rest.join('/'), query: searchParams };
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * The headers of every answer. The page loads its own files and talks to this server, and nothing else may run, frame or read it.
 *
 * @param nonce of the page itself: the style elements that its components make carry it. No script ever does
 */
export function safeHeaders(nonce?: string): Readonly<Record<string, string>> {
  const styles = nonce === undefined ? "'self'" : `'self' 'nonce-${nonce}'`;
  return {
    'Content-Security-Policy':
      `default-src 'none'; script-src 'self'; style-src ${styles}; img-src 'self' blob: data:; connect-src 'self'; ` +
      "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}
