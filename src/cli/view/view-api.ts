import { stat } from 'node:fs/promises';
import type { PageMessage } from '../../live/page.ts';
import { packageVersion } from '../package-version.ts';
import { newModuleView } from '../page-server/module-view.ts';
import { PageFeed } from '../page-server/page-feed.ts';
import type { PageAnswer, PageApi, PageRequest } from '../page-server/page-server.ts';
import { readRecording } from '../recording/read-file.ts';
import { commandOfFile } from '../replay/play.ts';
import { RecordingsApi, viewOf } from './recordings-api.ts';

/** The id of the only recording. */
const ID = 'file';

/** The requests of the page of `view`, which looks at one recording and replays parts of it. */
export class ViewApi implements PageApi {
  readonly #feed: PageFeed;
  readonly #recordings: RecordingsApi;

  private constructor(snapshot: readonly PageMessage[], recordings: RecordingsApi) {
    this.#feed = new PageFeed(() => snapshot);
    this.#recordings = recordings;
  }

  /**
   * @param module the module file to replay against; undefined: the recorded command, where it ran
   * @throws CliError for what is no recording
   */
  static async open(file: string, module: string | undefined): Promise<ViewApi> {
    const { header } = await readRecording(file);
    const { size } = await stat(file);
    const recordings = new RecordingsApi({
      fileOf: (id) => (id === ID ? file : undefined),
      target: async ({ recording }) => ({
        command: module === undefined ? recording.header : await commandOfFile(module, undefined),
        file: module ?? recording.header.command.join(' '),
      }),
    });
    const snapshot: PageMessage[] = [
      { kind: 'begin', mode: 'view', workingFolder: process.cwd(), version: packageVersion() },
      { kind: 'module', module: newModuleView('none', module ?? header.command.join(' ')) },
      { kind: 'recording', recording: viewOf(ID, file, size, header.startedUnixMs) },
    ];
    return new ViewApi(snapshot, recordings);
  }

  answer(request: PageRequest): Promise<PageAnswer | undefined> {
    const [first, id, part] = request.path;
    if (first === 'feed') return Promise.resolve({ events: (page) => this.#feed.open(page) });
    // A recording doesn't go on: the page's other connection is held open, and nothing comes.
    if (first === 'live') return Promise.resolve({ events: (page) => void page.write(': nothing\n\n') });
    if (first !== 'recordings' || id === undefined) return Promise.resolve(undefined);
    return this.#recordings.answer(id, part, request);
  }
}
