import { Alert, Badge, Button, Collapse, NumberInput, Switch, Text, TextInput } from '@mantine/core';
import { useMemo, useState, type KeyboardEvent } from 'react';
import { MAX_COUNT, type MethodView, type OpenRequest } from '../../src/live/page.ts';
import { Icon } from '../base/icons.tsx';
import { server } from '../base/server.ts';
import { toBase64 } from '../base/base64.ts';
import { bytesOf, EMPTY_INPUT, type Input } from './input.ts';
import { InputFields } from './input-fields.tsx';
import { formSchema } from './schema.ts';

interface CallFormProps {
  readonly method: MethodView;
  /** Whether the module takes any name, so that it is to be given. */
  readonly isOpenNamed: boolean;
  readonly isServing: boolean;
  readonly onCalled: (id: number) => void;
}

interface CallSettings {
  readonly name: string;
  readonly keepsOpen: boolean;
  readonly deadlineMs: number;
  readonly initialCredit: number;
  readonly grants: boolean;
  readonly count: number;
}

const DEFAULT_CREDIT = 262_144;

/** All that a call can be given, and the button that makes it. */
export function CallForm({ method, isOpenNamed, isServing, onCalled }: CallFormProps) {
  const schema = useMemo(() => formSchema(method.input), [method]);
  const [input, setInput] = useState<Input>({ ...EMPTY_INPUT, kind: schema === undefined ? 'text' : 'form' });
  const [settings, setSettings] = useState<CallSettings>({
    name: method.name,
    keepsOpen: false,
    deadlineMs: 0,
    initialCredit: DEFAULT_CREDIT,
    grants: true,
    count: 1,
  });
  const [problem, setProblem] = useState('');
  const set = (change: Partial<CallSettings>): void => setSettings({ ...settings, ...change });
  const call = (): void => {
    setProblem('');
    void Promise.resolve()
      .then(() => server.open(requestOf(method, settings, input)))
      .then(({ id }) => onCalled(id))
      .catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (isServing) call();
  };
  return (
    <section className="panel call-form" aria-label="Call" onKeyDown={onKeyDown}>
      <header className="panel-head">
        <h2 className="mono">{isOpenNamed ? 'any method' : method.name}</h2>
        <MethodFacts method={method} />
      </header>
      <div className="panel-body">
        {method.description !== '' && (
          <Text size="sm" c="dimmed">
            {method.description}
          </Text>
        )}
        {isOpenNamed && (
          <TextInput
            label="Method"
            className="mono"
            value={settings.name}
            onChange={({ currentTarget }) => set({ name: currentTarget.value })}
          />
        )}
        <InputFields input={input} schema={schema} onChange={setInput} />
        <CallOptions method={method} settings={settings} set={set} />
        {problem !== '' && (
          <Alert color="red" variant="light" p="xs" role="alert">
            {problem}
          </Alert>
        )}
        <Button fullWidth size="sm" disabled={!isServing} onClick={call} leftSection={<Icon name="play" />}>
          Call <span className="button-key">{navigator.platform.startsWith('Mac') ? '⌘' : 'Ctrl'} ↵</span>
        </Button>
      </div>
    </section>
  );
}

function MethodFacts({ method }: { readonly method: MethodView }) {
  const { kind, mode, timeoutMs, concurrency, input, output } = method;
  return (
    <div className="facts">
      <Badge color={kind === 'stream' ? 'blue' : 'grape'}>{kind === 'stream' ? 'stream' : 'request'}</Badge>
      {mode !== '' && <Badge color="gray">{mode}</Badge>}
      {input !== undefined && input.codec !== '' && <Badge color="gray">in: {payloadName(input)}</Badge>}
      {output !== undefined && output.codec !== '' && <Badge color="gray">out: {payloadName(output)}</Badge>}
      {timeoutMs > 0 && <Badge color="gray">{timeoutMs} ms</Badge>}
      {concurrency > 0 && <Badge color="gray">at once: {concurrency}</Badge>}
    </div>
  );
}

function payloadName({ codec, typeName }: NonNullable<MethodView['input']>): string {
  return typeName === '' ? codec : typeName;
}

function CallOptions({
  method,
  settings,
  set,
}: {
  readonly method: MethodView;
  readonly settings: CallSettings;
  readonly set: (change: Partial<CallSettings>) => void;
}) {
  const [isOpen, setOpen] = useState(false);
  const { keepsOpen, deadlineMs, initialCredit, grants, count } = settings;
  const isStream = method.kind === 'stream';
  return (
    <>
      {isStream && (
        <Switch
          label="Keep the input open, to send more"
          checked={keepsOpen}
          onChange={({ currentTarget }) => set({ keepsOpen: currentTarget.checked })}
        />
      )}
      <Button
        variant="subtle"
        color="gray"
        justify="start"
        px={0}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? '▾' : '▸'} Deadline, credit, many at once
      </Button>
      <Collapse expanded={isOpen}>
        <div className="options">
          <NumberInput
            label="Deadline, ms"
            description="0: none"
            min={0}
            max={86_400_000}
            value={deadlineMs}
            onChange={(value) => set({ deadlineMs: Number(value) })}
          />
          <NumberInput
            label="Calls at once"
            description={`up to ${MAX_COUNT}`}
            min={1}
            max={MAX_COUNT}
            value={count}
            onChange={(value) => set({ count: Number(value) })}
          />
          {isStream && (
            <NumberInput
              label="First credit, bytes"
              description="what it may send ahead"
              min={0}
              max={0x7fff_ffff}
              value={initialCredit}
              onChange={(value) => set({ initialCredit: Number(value) })}
            />
          )}
          {isStream && (
            <Switch
              label="Grant more as output is taken"
              checked={grants}
              onChange={({ currentTarget }) => set({ grants: currentTarget.checked })}
            />
          )}
        </div>
      </Collapse>
    </>
  );
}

/** @throws Error for an input that can't be sent */
function requestOf(method: MethodView, settings: CallSettings, input: Input): OpenRequest {
  const { name, keepsOpen, deadlineMs, initialCredit, grants, count } = settings;
  return {
    method: name,
    kind: method.kind,
    input: toBase64(bytesOf(input)),
    lines: input.kind === 'text' && input.lines,
    ends: !keepsOpen || method.kind === 'handle',
    deadlineMs,
    initialCredit,
    grants,
    count,
  };
}
