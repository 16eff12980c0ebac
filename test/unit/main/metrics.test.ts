import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stats } from '../../../src/base/stats.ts';
import { parseMetricsAddress } from '../../../src/cli/serve/metrics-address.ts';
import { metricsOf, type Metric } from '../../../src/main/process/metrics.ts';
import { encodeOpenFrame } from '../../../src/wire/frame-encoder.ts';
import { MainHarness } from '../../support/main-harness.ts';
import { idOf } from '../../support/module-facts.ts';

/** Figures of a real main: one stream that runs, and one that was refused. What can't be measured everywhere is filled in. */
function statsOfMain(): Stats {
  const harness = new MainHarness();
  harness.host(encodeOpenFrame(idOf(1), { method: 'echo' }));
  harness.host(encodeOpenFrame(idOf(2), { method: 'nothing' }));
  const measured = { handlerCpuMs: 1, mainDelay: { meanMs: 1, p99Ms: 2, maxMs: 3 } };
  return { ...harness.main.stats(), ...measured };
}

function exported(stats: Stats): Metric[] {
  return metricsOf({ stats, wantedWorkers: 4, rssBytes: 1e6 });
}

/** Each number in `value` with its path, and a copy of `value` in which that number alone is one more. */
function* steps(value: object, path = ''): Generator<[path: string, copy: object]> {
  for (const [key, part] of Object.entries(value) as [string, unknown][]) {
    const name = `${path}${key}`;
    if (typeof part === 'number') yield [name, { ...value, [key]: part + 1 }];
    else if (typeof part === 'object' && part !== null)
      for (const [below, copy] of steps(part, `${name}.`)) yield [below, { ...value, [key]: copy }];
    else assert.equal(name, 'missingBecause', `${name} is no number, and no metric can hold it`);
  }
}

test('every figure of main is exported: none can change without a change in what is scraped', () => {
  const stats = statsOfMain();
  const before = exported(stats);
  const unseen = [...steps(stats)].flatMap(([path, copy]) => {
    try {
      assert.notDeepEqual(exported(copy as Stats), before);
      return [];
    } catch {
      return [path];
    }
  });
  assert.deepEqual(unseen, []);
});

/** The value of a sample. */
function valueOf(metrics: readonly Metric[], name: string, label?: string): number | undefined {
  const metric = metrics.find((one) => one.name === name);
  assert.ok(metric !== undefined && metric.type !== 'summary', name);
  return metric.samples.find(({ labels }) => label === undefined || Object.values(labels).includes(label))
    ?.value;
}

test('a refused Open counts as refused, and not as the end of a stream', () => {
  const stats: Stats = {
    ...statsOfMain(),
    opened: 7,
    ended: { close: 4, cancelled: 1, resourceExhausted: 5 },
    refused: { resourceExhausted: 3 },
  };
  const metrics = exported(stats);
  assert.equal(valueOf(metrics, 'ixt_streams_ended_total', 'close'), 4);
  assert.equal(valueOf(metrics, 'ixt_streams_ended_total', 'resourceExhausted'), 2);
  assert.equal(valueOf(metrics, 'ixt_streams_refused_total', 'resourceExhausted'), 3);
  assert.equal(
    valueOf(metrics, 'ixt_streams_refused_total', 'unavailable'),
    0,
    'it is there before the first',
  );
});

test('names and units are those of Prometheus: counters end with _total, and times are seconds', () => {
  const metrics = exported({ ...statsOfMain(), run: { count: 3, totalMs: 1500, maxMs: 750 } });
  for (const { name, type, help } of metrics) {
    assert.match(name, /^(ixt|process)_[a-z0-9_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.doesNotMatch(name, /_ms|milli/);
    assert.match(help, /\.$/);
  }
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  const run = metrics.find(({ name }) => name === 'ixt_run_seconds');
  assert.deepEqual(run?.type === 'summary' && [run.count, run.sum], [3, 1.5]);
  assert.equal(valueOf(metrics, 'ixt_run_max_seconds'), 0.75);
});

test('what can’t be measured is left out', () => {
  const stats = { ...statsOfMain(), handlerCpuMs: undefined, mainDelay: undefined };
  const names = metricsOf({ stats, wantedWorkers: 1, rssBytes: undefined }).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => /cpu|delay|resident/.test(name)),
    [],
  );
});

for (const [text, host, port] of [
  ['9464', '127.0.0.1', 9464],
  ['0', '127.0.0.1', 0],
  ['0.0.0.0:9464', '0.0.0.0', 9464],
  ['localhost:65535', 'localhost', 65_535],
  ['[::1]:9464', '::1', 9464],
] as const) {
  test(`--metrics ${text} is port ${port} of ${host}`, () => {
    assert.deepEqual(parseMetricsAddress(text), { host, port });
  });
}

for (const text of ['', 'nine', '65536', ':9464', '::1:9464', 'http://h:1', 'host:', '1.5', '-1', '[h]:1']) {
  test(`--metrics '${text}' is no address`, () => {
    assert.equal(parseMetricsAddress(text), undefined);
  });
}
