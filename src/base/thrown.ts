/**
 * The text of a thrown value, for a person: the message of an error, or any other value as text. It never throws, whatever was
 * thrown.
 *
 * @param part of an error: its message only, or its stack, which also says where it was created
 */
export function textOf(thrown: unknown, part: 'message' | 'stack' = 'message'): string {
  try {
    if (!isErrorLike(thrown)) return String(thrown);
    return String((part === 'stack' ? thrown.stack : undefined) ?? thrown.message);
  } catch {
    // The value is an object whose toString or getter throws, an object without a prototype, or a revoked proxy.
    return 'a value that has no text';
  }
}

interface ErrorLike {
  readonly message: unknown;
  readonly stack?: unknown;
}

/** Whether a value is an error, also of another realm or made by hand. @throws whatever a getter or a proxy of the value throws */
export function isErrorLike(thrown: unknown): thrown is ErrorLike {
  return thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown);
}
