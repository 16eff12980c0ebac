import { randomBytes } from 'node:crypto';
import { constants, fstatSync, rmSync, type Stats } from 'node:fs';
import { access, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';

/** Where a call writes what it gets. One of the two ends it; the second that is called does nothing. */
export interface CallOutput {
  readonly stream: Writable;
  /** The call has worked: what was written stays. @throws what a write or the system has failed with */
  commit(): Promise<void>;
  /** It has failed: a file is as it was. */
  discard(): Promise<void>;
}

/**
 * Opens a file, or `-` for standard output. A file gets its content at once when the call has worked: what is written goes
 * to one beside it, which then takes its name. What has no content of its own (a pipe, a device, standard output by a path) is
 * written to as it comes.
 *
 * @throws CliError where it can't be opened
 */
export async function openOutput(name: string): Promise<CallOutput> {
  if (name === '-') return standard(process.stdout);
  try {
    const info = await stat(name).catch(unlessMissing);
    if (info === undefined) return await writtenBeside(name, undefined);
    const own = OWN.find(({ fd }) => isSame(fstatSync(fd), info));
    if (own !== undefined) return standard(own);
    const file = await replaceable(name, info);
    return file === undefined
      ? writtenThrough(await open(name, 'w'))
      : await writtenBeside(file, info.mode & 0o777);
  } catch (error) {
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : String(error));
  }
}

/**
 * The file that `/dev/stdout` and the like lead to. Where that is a file, whoever started the command holds it open, and would never see
 * another that took its name; where it is a socket, it can't be opened by a path at all.
 */
const OWN = [process.stdout, process.stderr] as const;

/** The folders of `/dev/fd/3`, say: a file behind that is open already, by whoever handed it over. */
const DESCRIPTORS = /^\/(?:proc\/|dev\/fd$)/;

/**
 * The file that another may take the place of, behind its links; `undefined` for what has to be written through.
 *
 * @throws what the system says of a file that must not be written
 */
async function replaceable(name: string, info: Stats): Promise<string | undefined> {
  if (!info.isFile() || DESCRIPTORS.test(await realpath(dirname(name)))) return undefined;
  const file = await realpath(name);
  // One that is read-only is not to be replaced either.
  await access(file, constants.W_OK);
  // A folder that takes no new file: better written through than not at all.
  return access(dirname(file), constants.W_OK).then(
    () => file,
    () => undefined,
  );
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** It stays open for whoever shares it. */
function standard(stream: Writable): CallOutput {
  return { stream, commit: () => Promise.resolve(), discard: () => Promise.resolve() };
}

function writtenThrough(file: FileHandle): CallOutput {
  const stream = file.createWriteStream();
  return {
    stream,
    commit: () => ended(stream),
    discard: () => {
      // What nobody takes is not waited for.
      stream.destroy();
      return Promise.resolve();
    },
  };
}

/** @param mode of the file that is there already; a new one gets what the umask leaves */
async function writtenBeside(file: string, mode: number | undefined): Promise<CallOutput> {
  const beside = join(dirname(file), `.ixt-${randomBytes(6).toString('hex')}.part`);
  const handle = await open(beside, 'wx', mode).catch((error: Error) => {
    throw new Error(error.message.replace(beside, file), { cause: error });
  });
  if (mode !== undefined) await handle.chmod(mode);
  const stream = handle.createWriteStream();
  // A signal may end the command while a write is pending.
  const removeAtExit = (): void => rmSync(beside, { force: true });
  process.once('exit', removeAtExit);
  let isOver = false;
  return {
    stream,
    commit: async () => {
      if (isOver) return;
      await ended(stream);
      await rename(beside, file);
      isOver = true;
      process.off('exit', removeAtExit);
    },
    discard: async () => {
      if (isOver) return;
      isOver = true;
      stream.destroy();
      await rm(beside, { force: true });
    },
  };
}

function ended(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.end(resolve);
  });
}
