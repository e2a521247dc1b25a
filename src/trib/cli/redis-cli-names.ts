/** The long names that redis-cli gives to options: `--cluster-yes` is our `--yes`. Pure. */

const PREFIX = '--cluster-';
/** redis-cli's own spellings. */
const OTHER_NAMES: Readonly<Record<string, string>> = { '--pass': '--password' };

/**
 * The arguments with our names. What stands behind the address of `call` is the operator's own command, and left as it is.
 */
export function plainNames(argv: readonly string[]): string[] {
  const callAt = argv.indexOf('call');
  let own = argv.length;
  if (callAt !== -1) {
    const address = argv.findIndex((text, i) => i > callAt && !text.startsWith('-') && text.includes(':'));
    if (address !== -1) own = address;
  }
  return argv.map((text, i) => (i < own ? plainName(text) : text));
}

function plainName(text: string): string {
  if (text.startsWith(PREFIX)) return `--${text.slice(PREFIX.length)}`;
  return OTHER_NAMES[text] ?? text;
}
