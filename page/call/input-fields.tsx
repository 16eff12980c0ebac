import { Button, FileButton, SegmentedControl, Switch, Text, Textarea } from '@mantine/core';
import type { RJSFSchema } from '@rjsf/utils';
import { lazy, Suspense, useState, type DragEvent } from 'react';
import { bytes } from '../base/format.ts';
import type { Input, InputKind } from './input.ts';

/** A part of its own: most methods need no form. */
const SchemaForm = lazy(() => import('./schema-form.tsx'));

interface InputFieldsProps {
  readonly input: Input;
  /** Undefined: no form is offered. */
  readonly schema: RJSFSchema | undefined;
  readonly onChange: (input: Input) => void;
}

/** The fields of an input: a form, text, hex, or a file. */
export function InputFields({ input, schema, onChange }: InputFieldsProps) {
  const set = (change: Partial<Input>): void => onChange({ ...input, ...change });
  const kinds = [
    ...(schema === undefined ? [] : [{ label: 'Form', value: 'form' }]),
    { label: 'Text', value: 'text' },
    { label: 'Hex', value: 'hex' },
    { label: 'File', value: 'file' },
  ];
  return (
    <div className="input-fields">
      <SegmentedControl
        fullWidth
        aria-label="How the input is given"
        data={kinds}
        value={input.kind}
        onChange={(kind) => set({ kind: kind as InputKind })}
      />
      {input.kind === 'form' && schema !== undefined && (
        <Suspense fallback={<Text size="sm">…</Text>}>
          <SchemaForm schema={schema} value={input.value} onChange={(value) => set({ value })} />
        </Suspense>
      )}
      {input.kind === 'text' && (
        <>
          <Textarea
            aria-label="Input as text"
            placeholder="Input as text"
            className="mono"
            autosize
            minRows={4}
            maxRows={14}
            value={input.text}
            onChange={({ currentTarget }) => set({ text: currentTarget.value })}
          />
          <Switch
            label="Each line is a frame"
            checked={input.lines}
            onChange={({ currentTarget }) => set({ lines: currentTarget.checked })}
          />
        </>
      )}
      {input.kind === 'hex' && (
        <Textarea
          aria-label="Input as hex"
          placeholder="68 65 6c 6c 6f"
          className="mono"
          autosize
          minRows={4}
          maxRows={14}
          value={input.hex}
          onChange={({ currentTarget }) => set({ hex: currentTarget.value })}
        />
      )}
      {input.kind === 'file' && <FileField input={input} set={set} />}
    </div>
  );
}

function FileField({
  input: { file },
  set,
}: {
  readonly input: Input;
  readonly set: (change: Partial<Input>) => void;
}) {
  const [isOver, setOver] = useState(false);
  const take = (given: File | null | undefined): void => {
    if (given === null || given === undefined) return;
    void given.arrayBuffer().then((buffer) => {
      set({ file: { name: given.name, bytes: new Uint8Array(buffer) } });
    });
  };
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  const onOver = (event: DragEvent): void => {
    event.preventDefault();
    setOver(true);
  };
  return (
    <div
      className={isOver ? 'drop-zone is-over' : 'drop-zone'}
      onDrop={onDrop}
      onDragOver={onOver}
      onDragLeave={() => setOver(false)}
    >
      <Text size="sm" c={file === undefined ? 'dimmed' : 'bright'}>
        {file === undefined ? 'Drop a file here, or' : `${file.name}, ${bytes(file.bytes.length)}`}
      </Text>
      <FileButton onChange={take}>
        {(props) => (
          <Button variant="default" {...props}>
            {file === undefined ? 'choose one' : 'Choose another'}
          </Button>
        )}
      </FileButton>
    </div>
  );
}
