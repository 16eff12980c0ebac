import type { MetricsAddress } from '../../main/options.ts';

const HERE = '127.0.0.1';
const MAX_PORT = 65_535;

/** Reads `PORT`, which is one of 127.0.0.1, `HOST:PORT` or `[IPv6]:PORT`. @returns undefined for anything else */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  const [, inBrackets, plain, digits] = /^(?:\[([\da-f:.]+)\]:|([^\s:[\]/@]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) return undefined;
  return { host: inBrackets ?? plain ?? HERE, port };
}
