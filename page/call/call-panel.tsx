import { Alert, Badge, Button, Text, Textarea } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { AlignedData } from 'uplot';
import type { CallView } from '../../src/live/page.ts';
import { Curves } from '../lanes/curves.tsx';
import { PlacedText } from '../log/placed-text.tsx';
import { OutputView } from '../output/output-view.tsx';
import { useOutput } from '../output/use-output.ts';
import { bytes, count, duration, plural } from '../base/format.ts';
import { Icon } from '../base/icons.tsx';
import { usePage, type CreditPoint } from '../base/page-store.ts';
import { server } from '../base/server.ts';
import { callState } from './call-state.ts';
import { toBase64 } from '../base/base64.ts';

interface CallPanelProps {
  readonly call: CallView;
  readonly isServing: boolean;
  readonly onAgain: () => void;
}

/** One call: how it stands, what can be done with it, and its output. */
export function CallPanel({ call, isServing, onAgain }: CallPanelProps) {
  const frames = useOutput(call);
  const data = useMemo(() => frames.map((frame) => frame.data), [frames]);
  const { word, colour } = callState(call);
  const isLive = call.live > 0;
  const isStream = call.request.kind === 'stream';
  return (
    <section className="panel call-panel" aria-label={`Call ${call.id}`}>
      <header className="panel-head">
        <h2 className="mono">{call.request.method}</h2>
        <Badge color={colour} role="status">
          {word}
        </Badge>
        <span className="spacer" />
        {isLive && isStream && (
          <Button
            variant="light"
            color="red"
            leftSection={<Icon name="stop" />}
            onClick={() => void server.cancel(call.id)}
          >
            Cancel
          </Button>
        )}
        {!isLive && (
          <Button
            variant="default"
            leftSection={<Icon name="restart" />}
            disabled={!isServing}
            onClick={onAgain}
          >
            Call again
          </Button>
        )}
      </header>
      <div className="panel-body">
        <CallFacts call={call} />
        {call.error !== undefined && (
          <Alert
            color={colour === 'red' ? 'red' : 'gray'}
            variant="light"
            title={call.error.code}
            className="call-error"
          >
            <PlacedText text={call.error.message} />
          </Alert>
        )}
        {isLive && isStream && !call.inputEnded && <MoreInput call={call} />}
        {isStream && call.request.count === 1 && <Credit call={call} />}
        <OutputView
          frames={data}
          isCut={call.isCut}
          download={frames.length > 0 ? server.bytesAddress(call.id) : undefined}
        />
        {isLive && frames.length === 0 && (
          <Text size="sm" c="dimmed">
            No output yet.
          </Text>
        )}
      </div>
    </section>
  );
}

function CallFacts({ call }: { readonly call: CallView }) {
  const { inputBytes, frames, bytes: received, ms, ended, request, inputEnded, progress } = call;
  const ends = Object.entries(ended).map(([code, number]) => `${count(number)} ${code}`);
  return (
    <dl className="call-facts">
      <div>
        <dt>In</dt>
        <dd>
          {bytes(inputBytes)}
          {request.kind === 'stream' && !inputEnded && ', open'}
        </dd>
      </div>
      <div>
        <dt>Out</dt>
        <dd>
          {bytes(received)}, {plural(frames, 'frame')}
        </dd>
      </div>
      {progress !== '' && (
        <div>
          <dt>Progress</dt>
          <dd className="mono progress">{progress}</dd>
        </div>
      )}
      {ms !== undefined && (
        <div>
          <dt>Time</dt>
          <dd>{duration(ms)}</dd>
        </div>
      )}
      {request.count > 1 && ends.length > 0 && (
        <div>
          <dt>Ends</dt>
          <dd>{ends.join(', ')}</dd>
        </div>
      )}
    </dl>
  );
}

function MoreInput({ call }: { readonly call: CallView }) {
  const [text, setText] = useState('');
  const send = (): void => {
    void server.send(call.id, toBase64(new TextEncoder().encode(text)));
    setText('');
  };
  return (
    <div className="more-input">
      <Textarea
        aria-label="Further input"
        placeholder="Further input"
        className="mono"
        autosize
        minRows={1}
        maxRows={8}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
      />
      <Button variant="light" onClick={send} disabled={text === ''}>
        Send
      </Button>
      <Button variant="default" onClick={() => void server.end(call.id)}>
        End input
      </Button>
    </div>
  );
}

const CREDIT = [{ name: 'left', colour: 'credit' }];
const NO_POINTS: readonly CreditPoint[] = [];
const GRANT_BYTES = 65_536;

/** The module's credit over time; and a button for more, where it is not granted by itself. */
function Credit({ call }: { readonly call: CallView }) {
  const points = usePage((state) => state.credits.get(call.id) ?? NO_POINTS);
  const data = useMemo<AlignedData>(
    () => [points.map(({ at }) => (at - call.startedUnixMs) / 1000), points.map(({ credit }) => credit)],
    [points, call.startedUnixMs],
  );
  const isLive = call.live > 0;
  // A call that was over at once has no curve.
  if (points.length < 3 && call.request.grants) return null;
  return (
    <div className="credit">
      <Curves name="Credit" data={data} series={CREDIT} format={signedBytes} height={84} isSince isBytes />
      {isLive && !call.request.grants && (
        <Button variant="light" onClick={() => void server.grant(call.id, GRANT_BYTES)}>
          Grant {bytes(GRANT_BYTES)}
        </Button>
      )}
    </div>
  );
}

function signedBytes(value: number): string {
  return value < 0 ? `−${bytes(-value)}` : bytes(value);
}
