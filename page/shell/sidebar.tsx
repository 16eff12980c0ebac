import { Badge, TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { CallView, MethodView, ModuleView, RecordingView } from '../../src/live/page.ts';
import { callState } from '../call/call-state.ts';
import { bytes, duration } from '../base/format.ts';
import { usePage } from '../base/page-store.ts';

/** The view in the middle of the page. */
export type Chosen =
  /** A method, as its kind and name, and one of its calls. */
  | { readonly kind: 'method'; readonly method: string | undefined; readonly call: number | undefined }
  | { readonly kind: 'recording'; readonly id: string };

interface SidebarProps {
  readonly chosen: Chosen | undefined;
  readonly onChoose: (chosen: Chosen) => void;
}

/** The methods, the calls that were made, and the recordings. */
export function Sidebar({ chosen, onChoose }: SidebarProps) {
  const module = usePage((state) => state.module);
  const mode = usePage((state) => state.mode);
  const calls = usePage((state) => state.calls);
  const recordings = usePage((state) => state.recordings);
  return (
    <nav className="sidebar" aria-label="Methods, calls and recordings">
      {mode !== 'view' && module !== undefined && (
        <Methods module={module} chosen={chosen} onChoose={onChoose} />
      )}
      {calls.length > 0 && (
        <section>
          <h3>Calls</h3>
          <ul>
            {calls.map((call) => (
              <CallItem key={call.id} call={call} chosen={chosen} onChoose={onChoose} />
            ))}
          </ul>
        </section>
      )}
      {recordings.length > 0 && (
        <section>
          <h3>Recordings</h3>
          <ul>
            {recordings.map((recording) => (
              <RecordingItem key={recording.id} recording={recording} chosen={chosen} onChoose={onChoose} />
            ))}
          </ul>
        </section>
      )}
    </nav>
  );
}

function Methods({ module, chosen, onChoose }: SidebarProps & { readonly module: ModuleView }) {
  const [filter, setFilter] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping =
        event.target instanceof HTMLElement && /^(?:INPUT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key !== '/' || isTyping) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  const { methods, anyStream, anyHandle } = module;
  const shown = methods.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  const hasHandle = methods.some(({ kind }) => kind === 'handle');
  return (
    <section>
      <h3>Methods</h3>
      {methods.length > 6 && (
        <TextInput
          ref={field}
          className="filter"
          aria-label="Filter the methods"
          placeholder="Filter    /"
          value={filter}
          onChange={({ currentTarget }) => setFilter(currentTarget.value)}
        />
      )}
      <ul>
        {shown.map((method) => (
          <MethodItem
            key={`${method.kind} ${method.name}`}
            method={method}
            chosen={chosen}
            onChoose={onChoose}
          />
        ))}
        {anyStream && <AnyItem kind="stream" chosen={chosen} onChoose={onChoose} />}
        {anyHandle && !hasHandle && <AnyItem kind="handle" chosen={chosen} onChoose={onChoose} />}
      </ul>
    </section>
  );
}

interface ItemProps extends SidebarProps {
  readonly name: React.ReactNode;
  readonly note: React.ReactNode;
  readonly isChosen: boolean;
  readonly choice: Chosen;
}

function Item({ name, note, isChosen, choice, onChoose }: Omit<ItemProps, 'chosen'>) {
  return (
    <li>
      <button
        type="button"
        className={isChosen ? 'item is-chosen' : 'item'}
        aria-current={isChosen ? 'true' : undefined}
        onClick={() => onChoose(choice)}
      >
        <span className="item-name mono">{name}</span>
        <span className="item-note">{note}</span>
      </button>
    </li>
  );
}

function MethodItem({ method, chosen, onChoose }: SidebarProps & { readonly method: MethodView }) {
  const key = `${method.kind} ${method.name}`;
  return (
    <Item
      name={method.name}
      note={method.kind === 'handle' ? 'request' : method.mode === '' ? 'stream' : method.mode}
      isChosen={chosen?.kind === 'method' && chosen.method === key}
      choice={{ kind: 'method', method: key, call: undefined }}
      onChoose={onChoose}
    />
  );
}

function AnyItem({ kind, chosen, onChoose }: SidebarProps & { readonly kind: 'stream' | 'handle' }) {
  return (
    <Item
      name={kind === 'stream' ? 'any stream' : 'any request'}
      note={kind === 'stream' ? 'stream' : 'request'}
      isChosen={chosen?.kind === 'method' && chosen.method === `${kind} `}
      choice={{ kind: 'method', method: `${kind} `, call: undefined }}
      onChoose={onChoose}
    />
  );
}

function CallItem({ call, chosen, onChoose }: SidebarProps & { readonly call: CallView }) {
  const { word, colour } = callState(call);
  const { request } = call;
  return (
    <Item
      name={
        <>
          <span className={`dot dot-${colour}`} />
          {request.method}
        </>
      }
      note={
        <>
          {word === 'done' && call.ms !== undefined ? duration(call.ms) : word} <small>#{call.id}</small>
        </>
      }
      isChosen={chosen?.kind === 'method' && chosen.call === call.id}
      choice={{ kind: 'method', method: `${request.kind} ${request.method}`, call: call.id }}
      onChoose={onChoose}
    />
  );
}

function RecordingItem({
  recording,
  chosen,
  onChoose,
}: SidebarProps & { readonly recording: RecordingView }) {
  return (
    <Item
      name={recording.name}
      note={recording.state === 'recording' ? <Badge color="red">recording</Badge> : bytes(recording.bytes)}
      isChosen={chosen?.kind === 'recording' && chosen.id === recording.id}
      choice={{ kind: 'recording', id: recording.id }}
      onChoose={onChoose}
    />
  );
}
