import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EXIT } from '../../main/options.ts';
import { MAX_BODY_BYTES } from '../../live/page.ts';
import { textOf } from '../../base/thrown.ts';
import { CliError } from '../terminal/failure.ts';
import { judge, safeHeaders } from './guard.ts';
import { readPageFile } from './page-files.ts';

/** A mistake of who asks, for the page to show. */
export class RequestError extends Error {}

/** A request of the page, after the guard. */
export interface PageRequest {
  readonly method: 'GET' | 'POST';
  /** The parts of the path below the token. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  /** Of a POST: the JSON. */
  readonly body: unknown;
}

/** An answer: JSON, bytes to be saved, or a stream of events that goes on. */
export type PageAnswer =
  | { readonly json: unknown }
  | { readonly bytes: Uint8Array; readonly name: string }
  /** @param response its head is sent; ended by the caller or by the reader */
  | { readonly events: (response: ServerResponse) => void };

/** The part of a server that answers its page. */
export interface PageApi {
  /** @returns undefined for what is unknown @throws RequestError */
  answer(request: PageRequest): Promise<PageAnswer | undefined>;
}

/** A server that listens. */
export interface OpenedPage {
  /** With the token: whoever knows it may use the page. */
  readonly address: string;
  close(): void;
}

/** Connections at once; a browser makes six. */
const MAX_CONNECTIONS = 64;

/**
 * Serves the page and what is behind it on 127.0.0.1 alone.
 *
 * @param port 0: any
 * @throws CliError where the port can't be had
 */
export async function openPage(api: PageApi, port: number): Promise<OpenedPage> {
  const token = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    void answer(server, token, api, request, response).catch((error: unknown) => {
      fail(response, 500, textOf(error));
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((error: unknown) => {
    throw new CliError(EXIT.usage, `port ${port} of 127.0.0.1 can't be had: ${textOf(error)}`);
  });
  return {
    address: `http://127.0.0.1:${portOf(server)}/${token}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  server: Server,
  token: string,
  api: PageApi,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '', headers } = request;
  const judged = judge({ method, url, headers }, token, portOf(server));
  if ('status' in judged) {
    fail(response, judged.status, judged.why);
    return;
  }
  const { path, query } = judged;
  if (method === 'GET') {
    const nonce = path === '' ? randomBytes(16).toString('hex') : undefined;
    const file = await readPageFile(path === '' ? 'index.html' : path);
    if (file !== undefined) {
      response.writeHead(200, { ...safeHeaders(nonce), 'Content-Type': file.type });
      response.end(nonce === undefined ? file.bytes : withNonce(file.bytes, nonce));
      return;
    }
  }
  try {
    const body = method === 'POST' ? await readJson(request) : undefined;
    const parts = path.split('/').map(decodeURIComponent);
    const asked = { method: method === 'POST' ? 'POST' : 'GET', path: parts, query, body } as const;
    send(response, await api.answer(asked));
  } catch (error) {
    if (!(error instanceof RequestError || error instanceof URIError)) throw error;
    fail(response, 400, error.message);
  }
}

/** The page with the nonce of this answer in it. */
function withNonce(page: Uint8Array, nonce: string): string {
  return Buffer.from(page).toString().replace('NONCE-OF-STYLES', nonce);
}

function send(response: ServerResponse, answered: PageAnswer | undefined): void {
  if (answered === undefined) fail(response, 404, 'there is nothing at this address');
  else if ('json' in answered) {
    response.writeHead(200, { ...safeHeaders(), 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answered.json ?? null));
  } else if ('bytes' in answered) {
    response.writeHead(200, {
      ...safeHeaders(),
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': `attachment; filename="${answered.name.replace(/[^\w.-]/g, '_')}"`,
    });
    response.end(answered.bytes);
  } else {
    response.writeHead(200, { ...safeHeaders(), 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    answered.events(response);
  }
}

function fail(response: ServerResponse, status: number, why: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a body that was refused is not waited for.
  response.writeHead(status, { ...safeHeaders(), 'Content-Type': 'application/json', Connection: 'close' });
  response.end(JSON.stringify({ error: why }));
}

/** @throws RequestError for what is too long or no JSON */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY_BYTES) throw new RequestError(`a request has at most ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as unknown;
  } catch {
    throw new RequestError('the request is no JSON');
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
