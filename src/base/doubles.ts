/** Doubles as Redis prints them in replies: the shortest text that reads back the same (`%.17g` made human). */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Object.is(value, -0)) return '-0';
  // From here on C's %.17g has no room for all digits of an integer.
  if (Math.abs(value) >= 1e17) return exponentForm(value.toExponential());
  return exponentForm(String(value));
}

/** JavaScript writes `1e+21` and `1e-7` where C's %g writes `1e+21` and `1e-07`. */
function exponentForm(text: string): string {
  const match = /^(.*)e([+-])(\d+)$/.exec(text);
  if (match === null) return text;
  return `${match[1]}e${match[2]}${match[3].padStart(2, '0')}`;
}
