/**
 * The result of `read`, or `instead` if `read` throws. For figures, because the system may refuse to tell them (at the limit of
 * descriptors, without `/proc`, in a sandbox), and no figure is worth the end of the process.
 */
export function orElse<Value>(instead: Value, read: () => Value): Value {
  try {
    return read();
  } catch {
    return instead;
  }
}
