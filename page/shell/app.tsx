import { Alert } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import type { CallView, MethodView, ModuleView, PageMode } from '../../src/live/page.ts';
import { CallForm } from '../call/call-form.tsx';
import { CallPanel } from '../call/call-panel.tsx';
import { PlacedText } from '../log/placed-text.tsx';
import { RecordingPage } from '../recordings/recording-view.tsx';
import { Dock } from './dock.tsx';
import { Header } from './header.tsx';
import { usePage } from '../base/page-store.ts';
import { repeat } from './repeat.ts';
import { Sidebar, type Chosen } from './sidebar.tsx';

/** A stream or request of a method whose name the page doesn't know, because the module takes any. */
export const ANY: Record<'stream' | 'handle', MethodView> = {
  stream: anyOf('stream'),
  handle: anyOf('handle'),
};

function anyOf(kind: MethodView['kind']): MethodView {
  return {
    name: '',
    kind,
    mode: '',
    description: '',
    input: undefined,
    output: undefined,
    timeoutMs: 0,
    concurrency: 0,
  };
}

/** The whole page. */
export function App() {
  const module = usePage((state) => state.module);
  const mode = usePage((state) => state.mode);
  const calls = usePage((state) => state.calls);
  const recordings = usePage((state) => state.recordings);
  const [chosen, setChosen] = useState<Chosen>();
  const shown = chosen ?? firstChoice(module, mode, recordings[0]?.id);
  const onCalled = useCallback((call: number) => setChosen((before) => withCall(before, call)), []);
  useEffect(() => {
    document.title =
      module?.name === undefined || module.name === '' ? 'ixt-module' : `${module.name} · ixt-module`;
  }, [module?.name]);
  return (
    <div className={`app app-${mode}`}>
      <Header />
      {mode !== 'attach' && <Sidebar chosen={shown} onChoose={setChosen} />}
      <main className="main" id="main">
        {module !== undefined && <ModuleNotice module={module} />}
        <Middle module={module} mode={mode} chosen={shown} calls={calls} onCalled={onCalled} />
      </main>
      {mode !== 'view' && shown?.kind !== 'recording' && <Dock />}
    </div>
  );
}

function withCall(before: Chosen | undefined, call: number): Chosen {
  return before?.kind === 'method' ? { ...before, call } : { kind: 'method', method: undefined, call };
}

function firstChoice(
  module: ModuleView | undefined,
  mode: PageMode,
  recording: string | undefined,
): Chosen | undefined {
  if (mode === 'view') return recording === undefined ? undefined : { kind: 'recording', id: recording };
  if (mode === 'attach' || module === undefined) return undefined;
  const method =
    module.methods[0]?.name ?? (module.anyStream ? ANY.stream : module.anyHandle ? ANY.handle : undefined);
  const key =
    typeof method === 'string' ? `stream ${method}` : method === undefined ? undefined : `${method.kind} `;
  return key === undefined ? undefined : { kind: 'method', method: key, call: undefined };
}

interface MiddleProps {
  readonly module: ModuleView | undefined;
  readonly mode: PageMode;
  readonly chosen: Chosen | undefined;
  readonly calls: readonly CallView[];
  readonly onCalled: (id: number) => void;
}

function Middle({ module, mode, chosen, calls, onCalled }: MiddleProps) {
  if (chosen?.kind === 'recording') return <RecordingPage key={chosen.id} id={chosen.id} />;
  if (module === undefined || chosen === undefined) return null;
  const method = methodOf(module, chosen.method) ?? methodOf(module, keyOfCall(calls, chosen.call));
  const call = calls.find(({ id }) => id === chosen.call);
  return (
    <div className="calling">
      {method !== undefined && (
        <CallForm
          key={`${method.kind} ${method.name} ${JSON.stringify(method.input ?? null)}`}
          method={method}
          isOpenNamed={method.name === ''}
          isServing={module.state === 'serving'}
          onCalled={onCalled}
        />
      )}
      {call === undefined ? (
        <section className="panel call-empty" aria-label="Output">
          <p>
            Choose a method and call it.
            <br />
            {mode === 'nats'
              ? 'Its output is shown here. A node with a free place runs it.'
              : 'Its output is shown here, and its stream in the lane of the worker that runs it.'}
          </p>
        </section>
      ) : (
        <CallPanel
          key={call.id}
          call={call}
          isServing={module.state === 'serving'}
          onAgain={() => void repeat(call).then(onCalled, () => undefined)}
        />
      )}
    </div>
  );
}

function keyOfCall(calls: readonly CallView[], id: number | undefined): string | undefined {
  const call = calls.find((each) => each.id === id);
  return call === undefined ? undefined : `${call.request.kind} ${call.request.method}`;
}

function methodOf(module: ModuleView, key: string | undefined): MethodView | undefined {
  if (key === 'stream ') return ANY.stream;
  if (key === 'handle ' || key?.startsWith('handle ') === true) {
    const known = module.methods.find(({ kind, name }) => `${kind} ${name}` === key);
    return known ?? ANY.handle;
  }
  return module.methods.find(({ kind, name }) => `${kind} ${name}` === key);
}

function ModuleNotice({ module }: { readonly module: ModuleView }) {
  if (module.state === 'failed') {
    return (
      <Alert color="red" title="The module could not be loaded" role="alert" className="notice">
        <pre className="mono">
          <PlacedText text={module.why} />
        </pre>
        It is loaded again when a file changes.
      </Alert>
    );
  }
  if (module.state === 'ended' || module.state === 'lost') {
    return (
      <Alert color="orange" title={module.why} role="alert" className="notice">
        {module.state === 'ended'
          ? 'It is started again when a file changes.'
          : 'The page waits for it to come back.'}
      </Alert>
    );
  }
  return null;
}
