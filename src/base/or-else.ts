/**
 * What `read` gives, or `instead` where it throws. For figures, which the system may refuse: at the limit of descriptors, without
 * `/proc`, in a sandbox. None of them is worth the process.
 */
export function orElse<Value>(instead: Value, read: () => Value): Value {
  try {
    return read();
  } catch {
    return instead;
  }
}
