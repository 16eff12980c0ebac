import type { ModuleHost } from '../../host/index.ts';
import {
  MAX_COUNT,
  MAX_INPUT_BYTES,
  type CallView,
  type MethodKind,
  type OpenRequest,
} from '../../live/page.ts';
import { MAX_CREDIT } from '../../wire/flow-limits.ts';
import { Fields } from '../page-server/fields.ts';
import { RequestError, type PageAnswer, type PageRequest } from '../page-server/page-server.ts';
import type { Call } from './call.ts';
import { Calls } from './calls.ts';

const DONE: PageAnswer = { json: {} };
const MAX_BASE64 = Math.ceil(MAX_INPUT_BYTES / 3) * 4;
const MAX_METHOD = 10_000;
const MAX_DEADLINE_MS = 86_400_000;

/** The page's requests below `calls`, of a module wherever it runs. */
export class CallsApi {
  readonly #calls: Calls;
  readonly #serving: () => ModuleHost | undefined;

  /** @param serving the module that takes calls now; undefined while there is none */
  constructor(serving: () => ModuleHost | undefined, onView: (view: CallView) => void) {
    this.#serving = serving;
    this.#calls = new Calls(onView);
  }

  get views(): CallView[] {
    return this.#calls.views;
  }

  /** The module is gone or about to. @param why for a person */
  abandonAll(why: string): void {
    this.#calls.abandonAll(why);
  }

  /** @returns undefined for what is unknown @throws RequestError */
  answer({ method, path: [, id, part], query, body }: PageRequest): PageAnswer | undefined {
    if (method === 'GET') return this.#get(id, part, query);
    if (id === undefined) return this.#open(openRequest(new Fields(body)));
    return this.#talk(this.#call(id), part, new Fields(body));
  }

  #get(id: string | undefined, part: string | undefined, query: URLSearchParams): PageAnswer | undefined {
    const { output } = this.#call(id);
    if (part === 'output') return { json: output.part(Number(query.get('from') ?? 0)) };
    return part === 'bytes' ? { bytes: output.bytes(), name: `call-${id}.bin` } : undefined;
  }

  #open(request: OpenRequest): PageAnswer {
    const module = this.#serving();
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
