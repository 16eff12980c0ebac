import { useSyncExternalStore } from 'react';
import type { SourcePlace } from '../../src/live/page.ts';

/** Editors that open a file by an address. */
export const EDITORS = {
  vscode: 'VS Code',
  cursor: 'Cursor',
  windsurf: 'Windsurf',
  zed: 'Zed',
  idea: 'JetBrains',
} as const;
export type Editor = keyof typeof EDITORS;

const KEY = 'ixt-editor';
const listeners = new Set<() => void>();

function current(): Editor {
  const kept = localStorage.getItem(KEY);
  return kept !== null && kept in EDITORS ? (kept as Editor) : 'vscode';
}

/** The editor that this reader uses. */
export function useEditor(): Editor {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}

export function setEditor(editor: Editor): void {
  localStorage.setItem(KEY, editor);
  for (const listener of listeners) listener();
}

/** The address that opens a place in the editor. The path may be anything that a module printed. */
export function editorAddress(editor: Editor, { file, line }: SourcePlace): string {
  const path = file.split('/').map(encodeURIComponent).join('/');
  return editor === 'idea'
    ? `idea://open?file=${encodeURIComponent(file)}&line=${line}`
    : `${editor}://file${path}:${line}`;
}
