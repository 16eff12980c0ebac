import { Alert, Badge, Button, Loader, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { ExchangeView, MessagePage, MessageView, RecordingSummary } from '../../src/live/page.ts';
import { fromBase64 } from '../base/base64.ts';
import { OutputView } from '../output/output-view.tsx';
import { bytes, count, duration, plural } from '../base/format.ts';
import { Icon } from '../base/icons.tsx';
import { server } from '../base/server.ts';
import { ExchangeTimeline } from './exchange-timeline.tsx';
import { Replay } from './replay.tsx';

interface RecordingPageProps {
  readonly id: string;
}

/** One recording: its streams over time, its messages decoded, and the replay of one stream. */
export function RecordingPage({ id }: RecordingPageProps) {
  const [summary, setSummary] = useState<RecordingSummary>();
  const [problem, setProblem] = useState('');
  const [exchange, setExchange] = useState('');
  const [message, setMessage] = useState<MessageView>();
  useEffect(() => {
    server.recording(id).then(setSummary, (error: Error) => setProblem(error.message));
  }, [id]);
  if (problem !== '') {
    return (
      <Alert color="red" variant="light" m="md">
        {problem}
      </Alert>
    );
  }
  if (summary === undefined) return <Loader m="md" size="sm" />;
  const chosen = summary.exchanges.find(({ key }) => key === exchange);
  return (
    <div className="recording">
      <section className="panel" aria-label="Recording">
        <header className="panel-head">
          <h2 className="mono">{summary.name}</h2>
          <Text size="sm" c="dimmed">
            {new Date(summary.startedUnixMs).toLocaleString()} · {duration(summary.ms)} ·{' '}
            {plural(summary.messages, 'message')} · {plural(summary.exchanges.length, 'exchange')}
          </Text>
          {summary.isCut && <Badge color="yellow">cut off</Badge>}
          <span className="spacer" />
          <Button
            component="a"
            href={server.fileAddress(id)}
            download
            variant="default"
            leftSection={<Icon name="download" />}
          >
            Save
          </Button>
        </header>
        <ExchangeTimeline summary={summary} chosen={exchange} onChoose={setExchange} />
        {summary.unlisted > 0 && (
          <Text size="xs" c="dimmed" px="md" pb="xs">
            {count(summary.unlisted)} more are not listed here; search finds their messages.
          </Text>
        )}
      </section>
      {chosen !== undefined && <Chosen id={id} exchange={chosen} onClose={() => setExchange('')} />}
      <Messages id={id} exchange={exchange} shown={message?.number} onShow={setMessage} />
      {message?.payload !== undefined && (
        <section className="panel" aria-label="Payload">
          <header className="panel-head">
            <h2>Payload of message {message.number}</h2>
          </header>
          <div className="panel-body">
            <Payload payload={message.payload} />
          </div>
        </section>
      )}
    </div>
  );
}

function Payload({ payload }: { readonly payload: NonNullable<MessageView['payload']> }) {
  const frames = useMemo(() => [fromBase64(payload.base64)], [payload]);
  return (
    <OutputView
      frames={frames}
      isCut={frames[0] !== undefined && frames[0].length < payload.bytes}
      download={undefined}
    />
  );
}

function Chosen({
  id,
  exchange,
  onClose,
}: {
  readonly id: string;
  readonly exchange: ExchangeView;
  readonly onClose: () => void;
}) {
  const { method, hostFrames, hostBytes, moduleFrames, moduleBytes, end, from, to } = exchange;
  return (
    <section className="panel" aria-label="Chosen stream">
      <header className="panel-head">
        <h2 className="mono">{method === '' ? '–' : method}</h2>
        <Badge color={end === 'close' || end === 'handled' ? 'teal' : 'gray'}>
          {end === '' ? 'not ended' : end}
        </Badge>
        <Text size="sm" c="dimmed">
          {duration(to - from)} · in {bytes(hostBytes)}, {plural(hostFrames, 'message')} · out{' '}
          {bytes(moduleBytes)}, {plural(moduleFrames, 'message')}
        </Text>
        <span className="spacer" />
        <Button variant="subtle" color="gray" onClick={onClose}>
          Show all
        </Button>
      </header>
      <Replay id={id} exchange={exchange} key={exchange.key} />
    </section>
  );
}

interface MessagesProps {
  readonly id: string;
  readonly exchange: string;
  readonly shown: number | undefined;
  readonly onShow: (message: MessageView) => void;
}

function Messages({ id, exchange, shown, onShow }: MessagesProps) {
  const [search, setSearch] = useState('');
  const [searched] = useDebouncedValue(search, 200);
  const [messages, setMessages] = useState<readonly MessageView[]>([]);
  const [next, setNext] = useState<number>();
  const asked = useRef(0);
  const ask = (from: number, before: readonly MessageView[]): void => {
    const mine = ++asked.current;
    const show = (found: MessagePage): void => {
      // An answer to an earlier question may come behind that of a later one.
      if (mine !== asked.current) return;
      setMessages([...before, ...found.messages]);
      setNext(found.next);
    };
    server.messages(id, from, exchange, searched).then(show, () => undefined);
  };
  useEffect(() => ask(0, []), [id, exchange, searched]);
  return (
    <section className="panel" aria-label="Messages">
      <header className="panel-head">
        <h2>Messages</h2>
        <span className="spacer" />
        <TextInput
          aria-label="Search the messages"
          placeholder="Search"
          value={search}
          onChange={({ currentTarget }) => setSearch(currentTarget.value)}
        />
      </header>
      <div className="messages" tabIndex={0} role="region" aria-label="List of messages">
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">From</th>
              <th scope="col">Message</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {messages.map((message) => (
              <tr key={message.number} className={message.number === shown ? 'is-chosen' : ''}>
                <td>{(message.ms / 1000).toFixed(6)}</td>
                <td className={`from-${message.from}`}>{message.from === 'host' ? 'host →' : '← module'}</td>
                <td>
                  <button type="button" className="message-button mono" onClick={() => onShow(message)}>
                    <b>{message.kind}</b>
                    {message.text}
                  </button>
                </td>
                <td>{bytes(message.bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {messages.length === 0 && (
          <Text size="sm" c="dimmed" p="md">
            {next === undefined ? 'No message is like that.' : 'None so far.'}
          </Text>
        )}
        {next !== undefined && (
          <Button variant="subtle" fullWidth onClick={() => ask(next, messages)}>
            More
          </Button>
        )}
      </div>
    </section>
  );
}
