/** Values that fight back when they are looked at; user code can throw any of them. */
export const HOSTILE: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'an object without a prototype': () => Object.create(null) as object,
  'a message that throws': () => Object.defineProperty(new Error(), 'message', { get: gotcha }),
  'a code that throws': () => Object.defineProperty(new Error('x'), 'code', { get: gotcha }),
  'a name that throws': () => Object.defineProperty(new Error('x'), 'name', { get: gotcha }),
  'a stack that throws': () => Object.defineProperty(new Error('x'), 'stack', { get: gotcha }),
  'a stack that is a number': () => Object.assign(new Error('x'), { stack: 5 }),
  'a toString that throws': () => ({ toString: gotcha }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a message that is an object': () =>
    Object.assign(new Error(), { message: Object.create(null) as unknown }),
};

function gotcha(): never {
  throw new Error('gotcha');
}
