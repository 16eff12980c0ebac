import { basename } from 'node:path';
import type { RecordingView } from '../../live/page.ts';
import { Fields } from '../page-server/fields.ts';
import { RequestError, type PageAnswer, type PageRequest } from '../page-server/page-server.ts';
import { readBytes, readRecording } from '../recording/read-file.ts';
import type { ModuleCommand } from '../replay/play.ts';
import { CliError } from '../terminal/failure.ts';
import { RecordingPages } from './recording-pages.ts';
import { replayExchange } from './replay-exchange.ts';

/** The recordings that are there, and the module that they are replayed against. */
export interface RecordingSource {
  /** The file of a recording that has ended; undefined for one that isn't there. */
  fileOf(id: string): string | undefined;
  /** @param pages of the recording @throws CliError where there is no module to replay against */
  target(pages: RecordingPages): Promise<{ readonly command: ModuleCommand; readonly file: string }>;
}

/** The page's requests for recordings: `recordings/ID`, and `file`, `messages`, `replay` below it. */
export class RecordingsApi {
  readonly #source: RecordingSource;
  /** The last that was asked for, because a page asks for one after the other part of it. */
  #open: { readonly file: string; readonly pages: RecordingPages } | undefined;
  #replaying = false;

  constructor(source: RecordingSource) {
    this.#source = source;
  }

  /** @param id and what follows it in the path @throws RequestError */
  async answer(id: string, part: string | undefined, request: PageRequest): Promise<PageAnswer | undefined> {
    const file = this.#source.fileOf(id);
    if (file === undefined) throw new RequestError('there is no such recording');
    try {
      if (request.method === 'POST') {
        return part === 'replay' ? await this.#replay(file, new Fields(request.body)) : undefined;
      }
      if (part === 'file') return { bytes: await readBytes(file), name: basename(file) };
      const pages = await this.#pages(file);
      if (part === undefined) return { json: pages.summary() };
      if (part !== 'messages') return undefined;
      const { query } = request;
      const [exchange, search] = [query.get('exchange') ?? '', query.get('search') ?? ''];
      return { json: pages.messages(Number(query.get('from') ?? 0), exchange, search) };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      throw new RequestError([error.message, error.mend].filter(Boolean).join('. '));
    }
  }

  async #replay(file: string, fields: Fields): Promise<PageAnswer> {
    if (this.#replaying) throw new RequestError('another replay is under way');
    this.#replaying = true;
    try {
      const pages = await this.#pages(file);
      const key = fields.text('exchange', 400);
      if (pages.exchange(key) === undefined) throw new RequestError('the recording has no such stream');
      const { command, file: module } = await this.#source.target(pages);
      return { json: await replayExchange(pages, key, command, module) };
    } finally {
      this.#replaying = false;
    }
  }

  async #pages(file: string): Promise<RecordingPages> {
    if (this.#open?.file === file) return this.#open.pages;
    const pages = new RecordingPages(basename(file), await readRecording(file));
    this.#open = { file, pages };
    return pages;
  }
}

/** A recording that lies in a file. */
export function viewOf(id: string, file: string, bytes: number, startedUnixMs: number): RecordingView {
  return { id, name: basename(file), state: 'done', bytes, startedUnixMs, why: '' };
}
