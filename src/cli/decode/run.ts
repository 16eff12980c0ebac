import type { Writable } from 'node:stream';
import { writeChunk } from '../call/files.ts';
import { complain } from '../terminal/failure.ts';
import { isRecording, type Entry } from '../recording/file-format.ts';
import { readBytes, readRecording } from '../recording/read-file.ts';
import { EventJson, EventRenderer, jsonReplacer } from '../recording/render.ts';
import { wrapped } from '../terminal/format.ts';
import { timelineOf, type Side } from '../recording/timeline.ts';

/** How wide the time of an event is, with what is behind it: the further lines of one stand below its text. */
const TIME_COLUMNS = 16;

/** @returns the exit code: 1 where a part of the file could not be read as messages */
export async function runDecode(
  file: string,
  from: Side,
  isJson: boolean,
  output: Writable,
): Promise<number> {
  output.on('error', () => undefined);
  const { entries, isCut } = await entriesOf(file, from);
  const events = timelineOf(entries);
  const asText = new EventRenderer();
  const asJson = new EventJson();
  try {
    for (const event of events) {
      const lines = isJson
        ? [JSON.stringify(asJson.json(event), jsonReplacer)]
        : wrapped(asText.render(event), TIME_COLUMNS);
      await writeChunk(output, `${lines.join('\n')}\n`);
    }
  } catch (error) {
    // Nobody reads on, as behind `| head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0;
    throw error;
  }
  if (isCut) complain('ixt-module: the recording ends inside an entry: its recorder did not come to an end');
  return isCut || events.some(({ kind }) => kind === 'broken') ? 1 : 0;
}

async function entriesOf(file: string, from: Side): Promise<{ entries: readonly Entry[]; isCut: boolean }> {
  const bytes = await readBytes(file);
  if (file !== '-' && isRecording(bytes)) return readRecording(file);
  return { entries: [{ kind: from === 'host' ? 'hostBytes' : 'moduleBytes', at: 0, bytes }], isCut: false };
}
