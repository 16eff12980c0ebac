import {
  MAX_COUNT,
  MAX_INPUT_BYTES,
  type MethodKind,
  type OpenRequest,
  type PageMessage,
} from '../../live/page.ts';
import { MAX_CREDIT } from '../../wire/flow-limits.ts';
import { packageVersion } from '../package-version.ts';
import { Fields } from '../page-server/fields.ts';
import { relayLiveEvents } from '../page-server/live-events.ts';
import { PageFeed } from '../page-server/page-feed.ts';
import { RequestError, type PageAnswer, type PageApi, type PageRequest } from '../page-server/page-server.ts';
import { commandOfFile } from '../replay/play.ts';
import { RecordingsApi } from '../view/recordings-api.ts';
import type { Call } from './call.ts';
import { Calls } from './calls.ts';
import { ModuleChild, type ModuleChildEvents } from './module-child.ts';
import { Recorder } from './recorder.ts';
import { StderrText } from './stderr-text.ts';

const DONE: PageAnswer = { json: {} };
const MAX_BASE64 = Math.ceil(MAX_INPUT_BYTES / 3) * 4;
const MAX_METHOD = 10_000;
const MAX_DEADLINE_MS = 86_400_000;

/** The requests of the page of `dev`: calls, recordings, and all that is told of the child. */
export class DevApi implements PageApi, ModuleChildEvents {
  readonly child: ModuleChild;
  readonly #feed = new PageFeed(() => this.#snapshot());
  readonly #calls = new Calls((call) => this.#feed.tell({ kind: 'call', call }));
  readonly #recorder = new Recorder((recording) => this.#feed.tell({ kind: 'recording', recording }));
  readonly #recordings = new RecordingsApi({
    fileOf: (id) => this.#recorder.fileOf(id),
    target: async () => ({ command: await commandOfFile(this.child.file, 1), file: this.child.file }),
  });
  readonly #stderr = new StderrText();
  readonly #onText: (text: string) => void;

  /** @param flags of `serve` @param onText called with what the child prints */
  constructor(file: string, flags: readonly string[], onText: (text: string) => void) {
    this.#onText = onText;
    this.child = new ModuleChild(file, flags, this);
  }

  async close(): Promise<void> {
    await this.child.close();
    this.#recorder.close();
  }

  // From the child.

  onView(): void {
    this.#feed.tell({ kind: 'module', module: this.child.view });
  }

  onStderr(text: string): void {
    this.#onText(text);
    this.#feed.tell({ kind: 'stderr', text: this.#stderr.add(text) });
  }

  onLost(why: string): void {
    this.#calls.abandonAll(why);
    this.#recorder.stop(why);
  }

  onStart(): void {
    this.#recorder.onStart(this.child.command);
  }

  onWire(direction: 'in' | 'out', message: Uint8Array): void {
    this.#recorder.add(direction, message);
  }

  onExit(code: number | null, signal: string | null): void {
    this.#recorder.onExit(code, signal);
  }

  // From the page.

  answer(request: PageRequest): Promise<PageAnswer | undefined> {
    const { method, path, query, body } = request;
    const [first, id, part] = path;
    if (first === 'recordings' && id !== undefined) return this.#recordings.answer(id, part, request);
    return Promise.resolve(method === 'GET' ? this.#get(path, query) : this.#post(path, body));
  }

  #get(path: readonly string[], query: URLSearchParams): PageAnswer | undefined {
    const [first, id, part] = path;
    switch (first) {
      case 'feed':
        return { events: (page) => this.#feed.open(page) };
      case 'live':
        return { events: (page) => relayLiveEvents(this.child.eventsSocket, page) };
      case 'calls': {
        const { output } = this.#call(id);
        if (part === 'output') return { json: output.part(Number(query.get('from') ?? 0)) };
        return part === 'bytes' ? { bytes: output.bytes(), name: `call-${id}.bin` } : undefined;
      }
      default:
        return undefined;
    }
  }

  #post(path: readonly string[], body: unknown): PageAnswer | undefined {
    const [first, second, third] = path;
    switch (first) {
      case 'restart':
        this.child.restart('asked for on the page');
        return DONE;
      case 'record':
        this.#recorder.recordNext();
        this.child.restart('a recording begins');
        return DONE;
      case 'stop-recording':
        this.#recorder.stop();
        return DONE;
      case 'calls':
        if (second === undefined) return this.#open(openRequest(new Fields(body)));
        return this.#talk(this.#call(second), third, new Fields(body));
      default:
        return undefined;
    }
  }

  #open(request: OpenRequest): PageAnswer {
    const module = this.child.serving;
    if (module === undefined) throw new RequestError('the module does not serve now');
    const id = this.#calls.open(module, request);
    if (id === undefined) throw new RequestError('too many calls are live; end some of them');
    return { json: { id } };
  }

  #talk(call: Call, verb: string | undefined, fields: Fields): PageAnswer | undefined {
    switch (verb) {
      case 'again':
        return this.#open(call.request);
      case 'send':
        call.send(Buffer.from(fields.text('input', MAX_BASE64), 'base64'));
        return DONE;
      case 'end':
        call.end();
        return DONE;
      case 'cancel':
        call.cancel();
        return DONE;
      case 'grant':
        call.grant(fields.number('bytes', 1, MAX_CREDIT));
        return DONE;
      default:
        return undefined;
    }
  }

  #call(id: string | undefined): Call {
    const call = this.#calls.get(Number(id));
    if (call === undefined) throw new RequestError('that call is not kept any more');
    return call;
  }

  #snapshot(): PageMessage[] {
    return [
      { kind: 'begin', mode: 'dev', workingFolder: process.cwd(), version: packageVersion() },
      { kind: 'module', module: this.child.view },
      ...this.#calls.views.map((call): PageMessage => ({ kind: 'call', call })),
      ...this.#recorder.views.map((recording): PageMessage => ({ kind: 'recording', recording })),
      { kind: 'stderr', text: this.#stderr.kept },
    ];
  }
}

function openRequest(fields: Fields): OpenRequest {
  const kind = fields.text('kind', 10);
  if (kind !== 'stream' && kind !== 'handle') throw new RequestError('kind must be stream or handle');
  return {
    method: fields.text('method', MAX_METHOD),
    kind: kind satisfies MethodKind,
    input: fields.text('input', MAX_BASE64),
    lines: fields.flag('lines'),
    ends: fields.flag('ends'),
    deadlineMs: fields.number('deadlineMs', 0, MAX_DEADLINE_MS),
    initialCredit: fields.number('initialCredit', 0, MAX_CREDIT),
    grants: fields.flag('grants'),
    count: fields.number('count', 1, MAX_COUNT),
  };
}
