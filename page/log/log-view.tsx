import { Select, Switch, Text } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import { usePage } from '../base/page-store.ts';
import { EDITORS, setEditor, useEditor, type Editor } from './editors.ts';
import { logLine } from './log-lines.ts';
import { PlacedText } from './placed-text.tsx';

/** Lines that are shown, the newest. */
const SHOWN_LINES = 600;

/** The module's prints and logs. */
export function LogView() {
  const stderr = usePage((state) => state.stderr);
  const lines = useMemo(() => stderr.trimEnd().split('\n').slice(-SHOWN_LINES).map(logLine), [stderr]);
  const [follows, setFollows] = useState(true);
  const end = useRef<HTMLDivElement>(null);
  const editor = useEditor();
  useEffect(() => {
    if (follows && end.current !== null) end.current.scrollTop = end.current.scrollHeight;
  }, [stderr, follows]);
  return (
    <div className="log">
      <div className="log-head">
        <Switch
          label="Follow"
          checked={follows}
          onChange={({ currentTarget }) => setFollows(currentTarget.checked)}
        />
        <span className="spacer" />
        <Select
          aria-label="Editor that places open in"
          data={Object.entries(EDITORS).map(([value, label]) => ({ value, label }))}
          value={editor}
          allowDeselect={false}
          onChange={(value) => {
            if (value !== null) setEditor(value as Editor);
          }}
          w={120}
        />
      </div>
      <div
        className="log-lines mono"
        ref={end}
        tabIndex={0}
        role="log"
        aria-label="Standard error of the module"
      >
        {stderr === '' ? (
          <Text size="sm" c="dimmed">
            The module has printed nothing.
          </Text>
        ) : (
          lines.map(({ level, method, text }, index) => (
            <div key={index} className={`log-line is-${level}`}>
              {level !== 'print' && <span className="log-level">{level}</span>}
              {method !== '' && <b>{method} </b>}
              <PlacedText text={text} />
            </div>
          ))
        )}
      </div>
    </div>
  );
}
