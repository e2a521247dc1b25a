/**
 * What one host needs to run one node, as a script for `sh -s`: it looks first and changes then, may be run again, and
 * keeps a redis.conf that it replaces. The password comes through standard input or the environment, and no process ever
 * has it among its arguments. Pure.
 */

export interface HostSetup {
  readonly name: string;
  readonly port: number;
  /** Parent of the node's folder on the host. */
  readonly dir: string;
  /** The server's program on the host: a name on PATH or a path. */
  readonly server: string;
  /** A unit that starts the node with its host; else the node daemonizes itself. */
  readonly systemd: boolean;
  /** Lines of redis.conf for every node, without passwords. */
  readonly lines: string;
  /** Whether nodes ask for a password, and the password where the script is to have it itself. */
  readonly hasPassword: boolean;
  readonly password: string | undefined;
}

export function hostScript(setup: HostSetup): string {
  const { name, server, dir, port, hasPassword, systemd } = setup;
  return [
    `# Node ${name}: its redis.conf, ${systemd ? 'its systemd unit' : 'a daemon'}, and its start.`,
    // A shell runs a group only when it has read all of it: a connection that breaks leaves nothing half done.
    '{',
    'set -eu',
    'umask 077',
    `server=${shellQuoted(server)}`,
    `folder=${shellQuoted(`${dir}/${port}`)}`,
    ...(hasPassword ? passwordLines(setup.password) : []),
    'fail() { echo "[ERR] $*" >&2; exit 1; }',
    'program=$(command -v "$server") || fail "There is no $server on this host: install it, or name it with --server."',
    ...(systemd ? SYSTEMD_CHECKS : ['root=', 'owner=$(id -un)']),
    '',
    ...confLines(setup),
    '',
    ...(systemd ? unitLines(port) : daemonLines(port)),
    // What it starts must not read the rest of the script.
    '} </dev/null',
    '',
  ].join('\n');
}

/** One word of a shell command, whatever it holds. */
export function shellQuoted(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function passwordLines(password: string | undefined): string[] {
  if (password !== undefined) return [`SHOAL_AUTH=${shellQuoted(password)}`];
  return [`: "\${SHOAL_AUTH:?must hold the password of the cluster}"`];
}

const SYSTEMD_CHECKS: readonly string[] = [
  '[ -d /run/systemd/system ] || fail "This host has no systemd: use --no-systemd."',
  'if [ "$(id -u)" = 0 ]; then',
  '  root= owner=shoal',
  '  id "$owner" >/dev/null 2>&1 || useradd --system --home-dir "$folder" --shell /usr/sbin/nologin "$owner"',
  'else',
  "  root='sudo -n' owner=$(id -un)",
  '  sudo -n true 2>/dev/null || fail "A systemd unit takes root, or sudo without a password; or use --no-systemd."',
  'fi',
];

function confLines({ name, port, lines, hasPassword, systemd }: HostSetup): string[] {
  const conf = [
    name.startsWith('[') ? 'bind * -::*' : 'bind 0.0.0.0',
    'appendonly yes',
    'cluster-node-timeout 5000',
    ...(lines === '' ? [] : lines.trimEnd().split('\n')),
    `port ${port}`,
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    'logfile shoal.log',
    `daemonize ${systemd ? 'no' : 'yes'}`,
  ];
  const end = delimiterFor(conf);
  return [
    'new=$(mktemp)',
    `trap 'rm -f "$new"' EXIT`,
    `cat >"$new" <<'${end}'`,
    ...conf,
    end,
    // The words of redis.conf are quoted by hand: printf belongs to the shell, so nothing shows in a list of processes.
    `printf 'dir "%s"\\npidfile "%s/shoal.pid"\\n' "$folder" "$folder" >>"$new"`,
    ...(hasPassword
      ? [
          `quoted=$(printf '%s' "$SHOAL_AUTH" | sed 's/[\\\\"]/\\\\&/g')`,
          `printf 'requirepass "%s"\\nmasterauth "%s"\\n' "$quoted" "$quoted" >>"$new"`,
        ]
      : []),
    // Whoever runs the node must get through the parent, and only to the node's own folder.
    `(umask 022 && $root mkdir -p "\${folder%/*}")`,
    '$root mkdir -p "$folder"',
    'changed=yes',
    'if $root test -e "$folder/redis.conf"; then',
    '  if $root cmp -s "$new" "$folder/redis.conf"; then changed=no; else',
    '    old=redis.conf.$(date +%Y%m%d-%H%M%S)',
    '    $root cp -p "$folder/redis.conf" "$folder/$old"',
    '    echo "The redis.conf that was there is $folder/$old now."',
    '  fi',
    'fi',
    'if [ "$changed" = yes ]; then $root cp "$new" "$folder/redis.conf"; fi',
    '$root chown "$owner" "$folder" "$folder/redis.conf"',
  ];
}

function unitLines(port: number): string[] {
  return [
    `unit=shoal-${port}.service`,
    // What a unit takes for itself: % everywhere, quotes and backslashes between quotes, in commands $ as well.
    `quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\\\"]/\\\\&/g; s/%/%%/g')"; }`,
    `plain() { printf '%s' "$1" | sed 's/%/%%/g'; }`,
    `path=$(quoted "PATH=$PATH") command="$(quoted "$program" | sed 's/[$]/$$/g') $(quoted "$folder/redis.conf" | sed 's/[$]/$$/g')"`,
    '$root tee "/etc/systemd/system/$unit" >/dev/null <<END_OF_UNIT',
    '[Unit]',
    `Description=Cluster node on port ${port}`,
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'User=$owner',
    // Node.js may be where only this login finds it.
    'Environment=$path',
    'WorkingDirectory=$(plain "$folder")',
    'ExecStart=$command',
    'Restart=on-failure',
    'LimitNOFILE=65536',
    'TimeoutStopSec=120',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    'END_OF_UNIT',
    '$root chmod 644 "/etc/systemd/system/$unit"',
    '$root systemctl daemon-reload',
    '$root systemctl enable --quiet "$unit"',
    'if [ "$changed" = yes ]; then $root systemctl restart "$unit"; else $root systemctl start "$unit"; fi',
    'echo "$unit runs."',
  ];
}

function daemonLines(port: number): string[] {
  return [
    // A process id alone proves nothing: it must be a server of this port or of this folder.
    'running() { [ -e "$folder/shoal.pid" ] && ps -o args= -p "$(cat "$folder/shoal.pid")" | grep -q -e "$1" -e "$folder"; }',
    `if running ':${port}'; then`,
    '  echo "It runs already."',
    '  if [ "$changed" = yes ]; then echo "[WARNING] It has to be restarted to take its new redis.conf."; fi',
    'else',
    '  cd "$folder"',
    '  "$program" "$folder/redis.conf" || fail "It does not start: see $folder/shoal.log"',
    '  echo "Started as a daemon: nothing starts it again with the host."',
    'fi',
  ];
}

/** A line that ends the here-document, and that is no line of it. */
function delimiterFor(lines: readonly string[]): string {
  let delimiter = 'END_OF_CONF';
  while (lines.includes(delimiter)) delimiter += '_';
  return delimiter;
}
