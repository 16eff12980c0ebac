import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';

/** An editor writes a file in several steps, and a formatter several files: a change counts when this time has passed without another, in ms. */
const QUIET_MS = 120;

/**
 * Watches files for changes. It watches their folders, because many editors put a new file in the place of the old one, and a
 * watch of the old file would see nothing more.
 */
export class WatchedFiles {
  readonly #onChange: (file: string) => void;
  /** By folder: its watch, and the names in it that count. */
  readonly #folders = new Map<string, { readonly watch: FSWatcher; names: Set<string> }>();
  #files: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange called with the first file of a change */
  constructor(onChange: (file: string) => void) {
    this.#onChange = onChange;
  }

  get count(): number {
    return this.#files.length;
  }

  get files(): readonly string[] {
    return this.#files;
  }

  /** Watches these files and no others. @param files absolute paths; those of folders that don't exist are left out */
  set(files: Iterable<string>): void {
    this.#files = [...new Set(files)];
    const folders = new Map<string, Set<string>>();
    for (const file of this.#files) {
      const names = folders.get(dirname(file));
      if (names === undefined) folders.set(dirname(file), new Set([basename(file)]));
      else names.add(basename(file));
    }
    for (const [folder, { watch: open }] of this.#folders) {
      if (folders.has(folder)) continue;
      open.close();
      this.#folders.delete(folder);
    }
    for (const [folder, names] of folders) this.#watchFolder(folder, names);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { watch: open } of this.#folders.values()) open.close();
    this.#folders.clear();
  }

  #watchFolder(folder: string, names: Set<string>): void {
    const known = this.#folders.get(folder);
    if (known !== undefined) {
      known.names = names;
      return;
    }
    let open: FSWatcher;
    try {
      open = watch(folder, { persistent: false });
    } catch {
      return;
    }
    const entry = { watch: open, names };
    this.#folders.set(folder, entry);
    open.on('change', (_event, name) => {
      if (typeof name === 'string' && entry.names.has(name)) this.#changed(`${folder}/${name}`);
    });
    // The folder is gone: whoever makes it again makes files that are new, too.
    open.on('error', () => this.#folders.delete(folder));
  }

  #changed(file: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onChange(file), QUIET_MS);
  }
}
