/** What redis-cli --cluster takes in another form: `--cluster-yes` is our `--yes`, `HOST PORT` our `HOST:PORT`. Pure. */
import { formatAddress, parseAddress } from '../address.js';

const PREFIX = '--cluster-';
/** redis-cli's own spellings. */
const OTHER_NAMES: Readonly<Record<string, string>> = { '--pass': '--password' };
/** Options that redis-cli takes behind the command that `call` runs, too: it knows no other words with a dash there. */
const OF_CALL: readonly string[] = ['--cluster-only-masters', '--cluster-only-replicas'];
/** The commands that take an address in two words. */
const TWO_WORDS: readonly string[] = ['check', 'info', 'fix', 'reshard', 'rebalance'];

/** The arguments in our form. What stands behind the address of `call` is the operator's own command, and left as it is. */
export function plainNames(argv: readonly string[]): string[] {
  const callAt = argv.indexOf('call');
  if (callAt === -1) return joinAddress(argv.map(plainName));
  const address = argv.findIndex((text, i) => i > callAt && !text.startsWith('-') && text.includes(':'));
  if (address === -1) return argv.map(plainName);
  const command = argv.slice(address);
  const options = command.filter((text) => OF_CALL.includes(text));
  return [
    ...[...argv.slice(0, address), ...options].map(plainName),
    ...command.filter((text) => !OF_CALL.includes(text)),
  ];
}

function plainName(text: string): string {
  if (text.startsWith(PREFIX)) return `--${text.slice(PREFIX.length)}`;
  return OTHER_NAMES[text] ?? text;
}

/** Makes one word of `HOST PORT`: of the first host without a port that a number follows. */
function joinAddress(argv: readonly string[]): string[] {
  const command = argv.findIndex((text) => TWO_WORDS.includes(text));
  const at = command === -1 ? -1 : argv.findIndex((text, i) => i > command && isHost(text) && isPort(argv[i + 1]));
  return at === -1 ? [...argv] : argv.toSpliced(at, 2, formatAddress(argv[at], Number(argv[at + 1])));
}

/** A number alone is the value of an option. */
function isHost(text: string): boolean {
  return !text.startsWith('-') && !/^\d*$/.test(text) && typeof parseAddress(text) === 'string';
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,5}$/.test(text);
}
