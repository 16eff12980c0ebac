import { MalformedError } from './malformed.ts';

/** The name of enumerant `value` of an enum. @throws MalformedError for a number that this version doesn't know */
export function enumerant<Name extends string>(names: readonly Name[], value: number, field: string): Name {
  const name = names[value];
  if (name === undefined) throw new MalformedError('enumerant', field, `there is no number ${value}`);
  return name;
}
