/** Thrown when an invariant of our own code does not hold. Never used for bad input: that is an error reply. */
export class AssertionError extends Error {
  override name = 'AssertionError';
}

/** Stops the program when `condition` is false. Kept on in production: a wrong store is worse than a dead one. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a branch the types rule out. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`unreachable ${what}: ${String(value)}`);
}
