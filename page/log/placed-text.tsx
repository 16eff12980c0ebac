import { Anchor } from '@mantine/core';
import { Fragment } from 'react';
import { shortPath } from '../base/format.ts';
import { usePage } from '../base/page-store.ts';
import { editorAddress, useEditor } from './editors.ts';

/** Where a text names a line of a file, as stacks do. */
const PLACE = /((?:file:\/\/)?(\/[^\s():'"]{1,400}\.[cm]?[jt]sx?):(\d{1,7})(?::\d{1,6})?)/;

/** Text in which each place of a file opens in the editor. */
export function PlacedText({ text }: { readonly text: string }) {
  const editor = useEditor();
  const workingFolder = usePage((state) => state.workingFolder);
  // Each match gives four parts: the text before it, the match, its file, its line.
  const parts = text.split(PLACE);
  const shown = [];
  for (let at = 0; at < parts.length; at += 4) {
    const [before = '', match, file, line] = parts.slice(at, at + 4);
    shown.push(<Fragment key={at}>{before}</Fragment>);
    if (match === undefined || file === undefined) continue;
    const place = { file, line: Number(line) };
    shown.push(
      <Anchor
        key={`${at} place`}
        href={editorAddress(editor, place)}
        inherit
        title={`Open ${match} in the editor`}
      >
        {shortPath(match.replace('file://', ''), workingFolder)}
      </Anchor>,
    );
  }
  return <span className="placed-text">{shown}</span>;
}
