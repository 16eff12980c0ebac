import { basename } from 'node:path';
import type { Writable } from 'node:stream';
import { writeChunk } from '../call/files.ts';
import { complain } from '../terminal/failure.ts';
import { isRecording, type Entry } from '../recording/file-format.ts';
import { readBytes, readRecording } from '../recording/read-file.ts';
import { EventJson, EventRenderer, jsonReplacer } from '../recording/render.ts';
import { wrapped } from '../terminal/format.ts';
import { timelineOf, type Side, type WireEvent } from '../recording/timeline.ts';
import { traceEvents } from './trace-event.ts';

/** How wide the time of an event is, with what is behind it: the further lines of one stand below its text. */
const TIME_COLUMNS = 16;

/** Readable lines, a line of JSON for each event, or one document of the Trace Event Format. */
export type DecodedForm = 'text' | 'json' | 'trace';

/** @returns the exit code: 1 where a part of the file could not be read as messages */
export async function runDecode(
  file: string,
  from: Side,
  form: DecodedForm,
  output: Writable,
): Promise<number> {
  output.on('error', () => undefined);
  const { entries, isCut } = await entriesOf(file, from);
  const events = timelineOf(entries);
  try {
    for (const line of linesOf(events, form, file)) await writeChunk(output, `${line}\n`);
  } catch (error) {
    // Nobody reads on, as behind `| head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0;
    throw error;
  }
  if (isCut) complain('ixt-module: the recording ends inside an entry: its recorder did not come to an end');
  return isCut || events.some(({ kind }) => kind === 'broken') ? 1 : 0;
}

function* linesOf(events: readonly WireEvent[], form: DecodedForm, file: string): Generator<string> {
  switch (form) {
    case 'text': {
      const asText = new EventRenderer();
      for (const event of events) yield* wrapped(asText.render(event), TIME_COLUMNS);
      break;
    }
    case 'json': {
      const asJson = new EventJson();
      for (const event of events) yield JSON.stringify(asJson.json(event), jsonReplacer);
      break;
    }
    case 'trace': {
      // A line for each, since the document of a long recording is longer than a text may be.
      const trace = traceEvents(events, basename(file));
      yield '{"traceEvents":[';
      for (const [at, each] of trace.entries())
        yield JSON.stringify(each) + (at < trace.length - 1 ? ',' : '');
      yield ']}';
    }
  }
}

async function entriesOf(file: string, from: Side): Promise<{ entries: readonly Entry[]; isCut: boolean }> {
  const bytes = await readBytes(file);
  if (file !== '-' && isRecording(bytes)) return readRecording(file);
  return { entries: [{ kind: from === 'host' ? 'hostBytes' : 'moduleBytes', at: 0, bytes }], isCut: false };
}
