import { Data, ListElementSize, Pointer, PointerType, utils } from 'capnp-es';
import { isModuleError, ModuleError } from '../errors.ts';

/**
 * capnp-es's errors that say that the program is wrong, and not the bytes: another arm of a union is set (018), something is not
 * implemented (006), a list can't be changed or searched (045, 046).
 */
const OF_THE_PROGRAM = /^CAPNP-TS(018|006|045|046)/;

/**
 * A struct or list of a received message whose every access that finds the bytes to be of another type throws a ModuleError
 * `invalidArgument`, and so do those that it leads to. In all else it is the object itself: of its class, and good to be sent.
 */
export function guarded<T extends Pointer>(value: T): T {
  return new Proxy(value, HANDLER) as T;
}

const HANDLER: ProxyHandler<Pointer> = {
  get(target, key, receiver: Pointer) {
    const value = reading<unknown>(() => checkedData(Reflect.get(target, key, target)));
    if (value instanceof Pointer) return guarded(value);
    if (typeof value !== 'function' || key === 'constructor') return value;
    // With the guarded object as its `this`, a method hands guarded elements to a callback, and what that throws is the caller's own.
    return (...args: unknown[]): unknown => {
      const call = (): unknown => Reflect.apply(value, receiver, args);
      const result = args.some((arg) => typeof arg === 'function') ? call() : reading(call);
      return result instanceof Pointer ? guarded(result) : result;
    };
  },
  set: (target, key, value) => Reflect.set(target, key, value, target),
};

/** capnp-es looks at the pointer of everything but Data. */
function checkedData(value: unknown): unknown {
  if (value instanceof Data) utils.validate(PointerType.LIST, value, ListElementSize.BYTE);
  return value;
}

/** Only code of capnp-es runs in `read`, so what it throws is about the bytes. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || isModuleError(error) || OF_THE_PROGRAM.test(error.message)) throw error;
    const why = error.message.replace(/^CAPNP-TS\d{3}:? /, '');
    throw new ModuleError('invalidArgument', `the message is not of the type that is read: ${why}`, {
      cause: error,
    });
  }
}
