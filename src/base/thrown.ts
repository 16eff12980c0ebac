/**
 * What a thrown value says, for a person: an error's message, anything else as text. Never throws, whatever was thrown.
 *
 * @param part of an error: what it says, or also where it was made
 */
export function textOf(thrown: unknown, part: 'message' | 'stack' = 'message'): string {
  try {
    if (!isErrorLike(thrown)) return String(thrown);
    return String((part === 'stack' ? thrown.stack : undefined) ?? thrown.message);
  } catch {
    // An object whose toString or getter throws, one without a prototype, a proxy that was revoked.
    return 'a value that has no text';
  }
}

interface ErrorLike {
  readonly message: unknown;
  readonly stack?: unknown;
}

/** Also an error of another realm, or one made by hand. @throws what a getter or a proxy of the value throws */
export function isErrorLike(thrown: unknown): thrown is ErrorLike {
  return thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown);
}
