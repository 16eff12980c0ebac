import { isModuleError, ModuleError, type ErrorCode } from '../errors.ts';
import type { StandardIssue } from './standard-schema.ts';

/** A problem of a value that a schema found. `path` holds the keys that lead to it, from the outside in. */
export interface Issue {
  readonly message: string;
  readonly path: readonly (string | number)[];
}

/** Details beyond this are cut from the end: an error frame leaves them out completely past 64 KiB. */
const MAX_ISSUES_BYTES = 60_000;

/** The {@link Issue} for one that a schema reports. */
export function issueOf({ message, path = [] }: StandardIssue): Issue {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
  return { message, path: keys.map((key) => (typeof key === 'number' ? key : String(key))) };
}

/** An error whose `details` are the JSON text `{"issues":[…]}`, as {@link issuesOf} reads it. */
export function issuesError(code: ErrorCode, what: string, issues: readonly Issue[]): ModuleError {
  const [first] = issues;
  const where = first === undefined || first.path.length === 0 ? '' : ` at ${first.path.join('.')}`;
  const more = issues.length > 1 ? `, and ${issues.length - 1} more` : '';
  const message = `${what}${where}: ${first?.message ?? 'it is not valid'}${more}`;
  return new ModuleError(code, message, { details: encodeIssues(issues) });
}

function encodeIssues(issues: readonly Issue[]): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify({ issues }));
  if (bytes.length <= MAX_ISSUES_BYTES || issues.length === 0) return bytes;
  return encodeIssues(issues.slice(0, issues.length >> 1));
}

/** The issues in the `details` of an error that the check of a typed method has raised; an empty list for any other value. */
export function issuesOf(error: unknown): readonly Issue[] {
  if (!isModuleError(error)) return [];
  try {
    const { issues } = JSON.parse(new TextDecoder().decode(error.details)) as { issues?: unknown };
    return Array.isArray(issues) ? (issues as Issue[]) : [];
  } catch {
    return [];
  }
}
