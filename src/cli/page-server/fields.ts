import { RequestError } from './page-server.ts';

/** The fields of a request's body, each checked as it is taken. */
export class Fields {
  readonly #body: Readonly<Record<string, unknown>>;

  constructor(body: unknown) {
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    if (!isObject) throw new RequestError('the request is no object');
    this.#body = body as Readonly<Record<string, unknown>>;
  }

  /** @throws RequestError */
  text(name: string, maxUnits: number): string {
    const value = this.#body[name];
    if (typeof value !== 'string') throw new RequestError(`${name} must be a text`);
    if (value.length > maxUnits) throw new RequestError(`${name} has more than ${maxUnits} characters`);
    return value;
  }

  /** @throws RequestError */
  flag(name: string): boolean {
    const value = this.#body[name];
    if (typeof value !== 'boolean') throw new RequestError(`${name} must be true or false`);
    return value;
  }

  /** @throws RequestError */
  number(name: string, min: number, max: number): number {
    const value = this.#body[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw new RequestError(`${name} must be a whole number from ${min} to ${max}`);
    }
    return value;
  }
}
