/** Replication ids and options are told apart without regard to letter case. */
export function equalsIgnoringCase(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
