import { Button, SegmentedControl, Text } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { allExpanded, collapseAllNested, defaultStyles, JsonView } from 'react-json-view-lite';
import { bytes as inUnits, count } from '../base/format.ts';
import { Icon } from '../base/icons.tsx';
import { hexDump, imageType, isText, joined, jsonValues, type OutputKind } from './kinds.ts';

/** The part of a long output that is shown at most. The rest is in the download. */
const SHOWN_TEXT_BYTES = 200_000;
const SHOWN_HEX_BYTES = 16_384;
const SHOWN_VALUES = 200;

interface OutputViewProps {
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  readonly isCut: boolean;
  /** Where all of it can be had; undefined: it is all here. */
  readonly download: string | undefined;
}

/** Bytes as text, a tree of JSON, hex, or the image that they are. What fits best is shown first. */
export function OutputView({ frames, isCut, download }: OutputViewProps) {
  const all = useMemo(() => joined(frames), [frames]);
  const values = useMemo(
    () => (all.length <= SHOWN_TEXT_BYTES ? jsonValues(frames, SHOWN_VALUES) : undefined),
    [all, frames],
  );
  const image = useMemo(() => imageType(all), [all]);
  const best = bestKind(all, values, image);
  const [chosen, setChosen] = useState<OutputKind>();
  const kind = chosen ?? best;
  if (all.length === 0) return null;
  const kinds: { label: string; value: OutputKind; disabled?: boolean }[] = [
    { label: 'Text', value: 'text' },
    { label: 'JSON', value: 'json', disabled: values === undefined },
    { label: 'Hex', value: 'hex' },
    { label: 'Image', value: 'image', disabled: image === undefined },
  ];
  return (
    <div className="output">
      <div className="output-head">
        <SegmentedControl
          aria-label="How the output is shown"
          data={kinds}
          value={kind}
          onChange={(value) => setChosen(value)}
        />
        {download !== undefined && (
          <Button
            component="a"
            href={download}
            download
            variant="subtle"
            color="gray"
            leftSection={<Icon name="download" />}
          >
            Save
          </Button>
        )}
      </div>
      <div className="output-body" tabIndex={0} role="region" aria-label="Output">
        {kind === 'text' && <TextOutput all={all} />}
        {kind === 'json' && values !== undefined && <JsonOutput values={values} />}
        {kind === 'hex' && <HexOutput all={all} />}
        {kind === 'image' && image !== undefined && <ImageOutput all={all} type={image} />}
      </div>
      {isCut && (
        <Text size="xs" c="dimmed">
          Only the first {inUnits(all.length)} of the output are kept; the rest is counted.
        </Text>
      )}
    </div>
  );
}

function bestKind(all: Uint8Array, values: unknown, image: string | undefined): OutputKind {
  if (image !== undefined) return 'image';
  if (values !== undefined) return 'json';
  return isText(all) ? 'text' : 'hex';
}

function TextOutput({ all }: { readonly all: Uint8Array }) {
  const text = useMemo(() => new TextDecoder().decode(all.subarray(0, SHOWN_TEXT_BYTES)), [all]);
  return (
    <>
      <pre className="mono">{text}</pre>
      <Rest all={all} shown={SHOWN_TEXT_BYTES} />
    </>
  );
}

function HexOutput({ all }: { readonly all: Uint8Array }) {
  const text = useMemo(() => hexDump(all.subarray(0, SHOWN_HEX_BYTES)), [all]);
  return (
    <>
      <pre className="mono hex">{text}</pre>
      <Rest all={all} shown={SHOWN_HEX_BYTES} />
    </>
  );
}

function Rest({ all, shown }: { readonly all: Uint8Array; readonly shown: number }) {
  if (all.length <= shown) return null;
  return (
    <Text size="xs" c="dimmed">
      … {count(all.length - shown)} bytes more
    </Text>
  );
}

/** The library's layout, in the colours of the page. */
const TREE = {
  ...defaultStyles,
  container: 'json-tree',
  label: `${defaultStyles.label} json-name`,
  clickableLabel: `${defaultStyles.clickableLabel} json-name`,
  punctuation: `${defaultStyles.punctuation} json-name`,
  expandIcon: `${defaultStyles.expandIcon} json-name`,
  collapseIcon: `${defaultStyles.collapseIcon} json-name`,
  collapsedContent: `${defaultStyles.collapsedContent} json-name`,
  stringValue: 'json-text',
  numberValue: 'json-number',
  booleanValue: 'json-word',
  nullValue: 'json-word',
  undefinedValue: 'json-word',
  otherValue: 'json-word',
  noQuotesForStringValues: false,
};

function JsonOutput({ values }: { readonly values: readonly unknown[] }) {
  return (
    <>
      {values.map((value, index) => (
        <div key={index} className="mono json-value">
          {typeof value === 'object' && value !== null ? (
            <JsonView
              data={value}
              style={TREE}
              shouldExpandNode={values.length > 20 ? collapseAllNested : allExpanded}
            />
          ) : (
            <pre className="mono">{JSON.stringify(value)}</pre>
          )}
        </div>
      ))}
      {values.length === SHOWN_VALUES && (
        <Text size="xs" c="dimmed">
          … the first {SHOWN_VALUES} values
        </Text>
      )}
    </>
  );
}

function ImageOutput({ all, type }: { readonly all: Uint8Array<ArrayBuffer>; readonly type: string }) {
  const [address, setAddress] = useState('');
  const [size, setSize] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([all], { type }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [all, type]);
  if (address === '') return null;
  return (
    <figure className="image-output">
      <img
        src={address}
        alt={`Output of the call, ${type}`}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
          setSize(`${naturalWidth} × ${naturalHeight}`)
        }
      />
      <figcaption>
        {type.replace('image/', '').toUpperCase()} {size} · {inUnits(all.length)}
      </figcaption>
    </figure>
  );
}
