import type {
  MessagePage,
  OpenRequest,
  OutputPart,
  RecordingSummary,
  ReplayView,
} from '../../src/live/page.ts';

/** The page's server, at the address of the page: its token is a part of the path, and all of this is relative to it. */
export const server = {
  open: (request: OpenRequest) => post<{ readonly id: number }>('calls', request),
  send: (call: number, input: string) => post(`calls/${call}/send`, { input }),
  end: (call: number) => post(`calls/${call}/end`),
  cancel: (call: number) => post(`calls/${call}/cancel`),
  grant: (call: number, bytes: number) => post(`calls/${call}/grant`, { bytes }),
  output: (call: number, from: number) => get<OutputPart>(`calls/${call}/output?from=${from}`),
  again: (call: number) => post<{ readonly id: number }>(`calls/${call}/again`),
  bytesAddress: (call: number) => `calls/${call}/bytes`,
  restart: () => post('restart'),
  record: () => post('record'),
  stopRecording: () => post('stop-recording'),
  recording: (id: string) => get<RecordingSummary>(`recordings/${encodeURIComponent(id)}`),
  messages: (id: string, from: number, exchange: string, search: string) => {
    const query = new URLSearchParams({ from: String(from), exchange, search });
    return get<MessagePage>(`recordings/${encodeURIComponent(id)}/messages?${query.toString()}`);
  },
  replay: (id: string, exchange: string) =>
    post<ReplayView>(`recordings/${encodeURIComponent(id)}/replay`, { exchange }),
  fileAddress: (id: string) => `recordings/${encodeURIComponent(id)}/file`,
};

async function get<Answer>(address: string): Promise<Answer> {
  return answerOf<Answer>(await fetch(address));
}

async function post<Answer = object>(address: string, body: object = {}): Promise<Answer> {
  const headers = { 'Content-Type': 'application/json' };
  return answerOf<Answer>(await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) }));
}

/** @throws Error with the server's reason */
async function answerOf<Answer>(response: Response): Promise<Answer> {
  const answer = (await response.json()) as Answer & { readonly error?: string };
  if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
  return answer;
}
