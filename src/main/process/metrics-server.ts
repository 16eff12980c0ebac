import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type * as Prometheus from 'prom-client';
import { orElse } from '../../base/or-else.ts';
import type { Stats } from '../../base/stats.ts';
import { logLine } from '../../base/stderr.ts';
import { textOf } from '../../base/thrown.ts';
import type { MetricsAddress, ServeOptions } from '../options.ts';
import { metricsOf, type Metric } from './metrics.ts';

/** Readers at once: main keeps nothing for more of them. */
const MAX_READERS = 16;

/** Main, as far as its metrics need it. */
export interface MeasuredMain {
  readonly options: Pick<ServeOptions, 'workers'>;
  /** The name that the module gives itself; `undefined` until a worker has loaded it. */
  readonly moduleName: string | undefined;
  stats(): Stats;
}

/**
 * Answers `GET /metrics` with main's figures in the text format of Prometheus, and says on standard error where. Figures are read
 * when somebody asks, and never otherwise. It holds no process, and what goes wrong with it ends none: a line on standard error
 * says it. Never rejects.
 */
export async function openMetrics(address: MetricsAddress, main: MeasuredMain): Promise<void> {
  const library = await load();
  if (library === undefined) return;
  // The first look starts the measurement of main's delay.
  main.stats();
  const server = createServer((request, response) => {
    answer(request, response, () => scrape(library, main)).catch((error: unknown) => {
      say(response, 500, `The figures can't be read: ${textOf(error)}\n`);
    });
  });
  server.maxConnections = MAX_READERS;
  server.on('error', (error) => {
    const where = `${address.host}:${address.port}`;
    logLine(`--metrics ${where} can't be opened, and the module serves without: ${textOf(error)}`);
  });
  server.on('listening', () => logLine(`metrics at ${urlOf(server)}`));
  server.unref();
  server.listen(address.port, address.host);
}

/** Loaded late: it is an optional peer, and only who asks for metrics has it. */
async function load(): Promise<typeof Prometheus | undefined> {
  try {
    return await import('prom-client');
  } catch (error) {
    logLine(
      `--metrics needs the package prom-client: npm install prom-client. The module serves without: ${textOf(error)}`,
    );
    return undefined;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scraped: () => Promise<string>,
): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  if (path !== '/metrics') return say(response, 404, 'The figures are at /metrics.\n');
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET');
    return say(response, 405, 'Figures are read with GET.\n');
  }
  say(response, 200, await scraped());
}

/** The version in the content type is that of Prometheus' text format. */
function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
}

/** @returns all metrics of one moment, as text: a registry lives for one scrape, because main alone counts */
function scrape(library: typeof Prometheus, main: MeasuredMain): Promise<string> {
  const registry = new library.Registry();
  const { moduleName, options } = main;
  if (moduleName !== undefined) registry.setDefaultLabels({ module: moduleName });
  const metrics = metricsOf({
    stats: main.stats(),
    wantedWorkers: options.workers,
    rssBytes: orElse(undefined, () => process.memoryUsage.rss()),
  });
  for (const metric of metrics) register(library, registry, metric);
  return registry.metrics();
}

function register(library: typeof Prometheus, registry: Prometheus.Registry, metric: Metric): void {
  const { name, help, type } = metric;
  const common = { name, help, registers: [registry] };
  if (type === 'summary') {
    const { count, sum } = metric;
    // The library can only observe one time after the other, and these are added up already.
    class Totals extends library.Summary {
      override async get() {
        const values = [
          { metricName: `${name}_sum`, labels: {}, value: sum },
          { metricName: `${name}_count`, labels: {}, value: count },
        ];
        return { ...(await super.get()), values };
      }
    }
    new Totals({ ...common, percentiles: [] });
    return;
  }
  const labelNames = Object.keys(metric.samples[0]?.labels ?? {});
  if (type === 'counter') {
    const made = new library.Counter({ ...common, labelNames });
    for (const { labels, value } of metric.samples) made.inc(labels, value);
  } else {
    const made = new library.Gauge({ ...common, labelNames });
    for (const { labels, value } of metric.samples) made.set(labels, value);
  }
}

function urlOf(server: Server): string {
  const at = server.address();
  if (at === null || typeof at === 'string') return 'an unknown address';
  const host = at.family === 'IPv6' ? `[${at.address}]` : at.address;
  return `http://${host}:${at.port}/metrics`;
}
