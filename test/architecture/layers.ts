/** The house of ARCHITECTURE.md: which folder of src/ is on which layer. */

export const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  config: 1,
  resp: 1,
  store: 1,
  types: 2,
  'cluster/core': 2,
  'replication/core': 2,
  'persistence/format': 3,
  commands: 4,
  exec: 5,
  scripting: 6,
  observability: 6,
  net: 7,
  'persistence/io': 7,
  'replication/io': 7,
  'cluster/io': 7,
  server: 8,
  embed: 9,
};

/** The cluster tool stands beside the house: a client of the server. */
export const SIDE = 'trib';
/** What it may use of the house. */
export const SIDE_MAY_IMPORT: readonly string[] = ['base', 'resp'];

/** The only folders that open sockets and files. */
export const MAY_OPEN_SOCKETS_AND_FILES: readonly string[] = [
  'net',
  'persistence/io',
  'replication/io',
  'cluster/io',
  'server',
  'embed',
  SIDE,
];

/** Built-ins that reach outside the process. */
export const OUTSIDE_WORLD =
  /^(node:)?(net|tls|fs|fs\/promises|dgram|http|https|http2|child_process|cluster|dns|dns\/promises|worker_threads|inspector|repl|readline)$/;

/** The folder of LAYERS (or the side) that a file of src/ belongs to; undefined when there is none for it. */
export function folderOf(path: string): string | undefined {
  const parts = path.split('/');
  const two = parts.slice(0, 2).join('/');
  if (parts.length > 2 && two in LAYERS) return two;
  const [one] = parts as [string];
  return parts.length > 1 && (one in LAYERS || one === SIDE) ? one : undefined;
}
