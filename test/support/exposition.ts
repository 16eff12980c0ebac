import assert from 'node:assert/strict';

/** What a scrape says, by the text format of Prometheus and nothing of ours: its samples, and the type of each metric. */
export interface Exposition {
  /** By name and labels, as they stand: `ixt_streams_ended_total{outcome="close"}`. */
  readonly samples: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(`^(${NAME}(?:\\{${LABEL}(?:,${LABEL})*\\})?) (\\S+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const HELP = new RegExp(`^# HELP ${NAME} \\S`);

/** Reads a scrape. @param without a label that is on every sample and says nothing here: `module="digest"` */
export function readExposition(text: string, without: string): Exposition {
  assert.ok(text.endsWith('\n'), 'the last line has an end');
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, type, kind] = TYPE.exec(line) ?? [];
    const [, sample, value] = SAMPLE.exec(line) ?? [];
    if (type !== undefined && kind !== undefined) {
      assert.ok(!types.has(type), `${type} has one type`);
      types.set(type, kind);
    } else if (sample !== undefined) {
      assert.ok(sample.includes(without), `${sample} has ${without}`);
      const key = sample.replace(`{${without}}`, '').replace(`,${without}`, '').replace(`${without},`, '');
      assert.ok(!samples.has(key), `${key} is there once`);
      assert.ok(Number.isFinite(Number(value)), `${line} has a number`);
      samples.set(key, Number(value));
    } else assert.ok(line === '' || HELP.test(line), `no line of the format: ${line}`);
  }
  return { samples, types };
}
