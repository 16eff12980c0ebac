import { Alert, Button, Text } from '@mantine/core';
import { useState } from 'react';
import type { ExchangeView, ReplayView } from '../../src/live/page.ts';
import { PlacedText } from '../log/placed-text.tsx';
import { plural } from '../base/format.ts';
import { Icon } from '../base/icons.tsx';
import { server } from '../base/server.ts';

interface ReplayProps {
  readonly id: string;
  readonly exchange: ExchangeView;
}

/** Sends a recorded stream to the module as it is now, and shows where its answer differs. */
export function Replay({ id, exchange }: ReplayProps) {
  const [state, setState] = useState<'idle' | 'running' | { readonly problem: string } | ReplayView>('idle');
  const replay = (): void => {
    setState('running');
    server.replay(id, exchange.key).then(setState, (error: Error) => setState({ problem: error.message }));
  };
  return (
    <div className="panel-body">
      <div className="replay-head">
        <Button
          variant="light"
          leftSection={<Icon name="play" />}
          loading={state === 'running'}
          onClick={replay}
        >
          Replay against the module as it is now
        </Button>
      </div>
      <div role="status">
        {typeof state === 'object' &&
          ('problem' in state ? (
            <Alert color="red" variant="light">
              {state.problem}
            </Alert>
          ) : (
            <Differences view={state} />
          ))}
      </div>
    </div>
  );
}

function Differences({ view }: { readonly view: ReplayView }) {
  const { differences, stderr } = view;
  if (differences.length === 0) {
    return (
      <Alert color="teal" variant="light" title="No difference" icon={<Icon name="check" />}>
        The module says what it said in the recording.
      </Alert>
    );
  }
  return (
    <>
      <Alert color="orange" variant="light" title={plural(differences.length, 'difference')}>
        <ul className="differences">
          {differences.map(({ kind, place, recorded, replayed }, index) => (
            <li key={index}>
              <b>
                {kind}
                {place}
              </b>
              <dl className="mono">
                <dt>recorded</dt>
                <dd>{recorded ?? 'nothing'}</dd>
                <dt>now</dt>
                <dd>{replayed ?? 'nothing'}</dd>
              </dl>
            </li>
          ))}
        </ul>
      </Alert>
      {stderr !== '' && (
        <Text component="pre" size="xs" className="mono">
          <PlacedText text={stderr} />
        </Text>
      )}
    </>
  );
}
