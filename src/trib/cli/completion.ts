/**
 * Scripts with which shells complete trib's commands, options and nodes, made from the commands themselves. They ask trib for the
 * nodes, with the first address on the line, when the word at the cursor is none that begins with a dash.
 */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Completable {
  readonly name: string;
  readonly summary: string;
  /** Whether nodes are among its arguments, and a folder. */
  readonly takesNodes: boolean;
  readonly takesFolder: boolean;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

export function completionScript(program: Command, shell: Shell): string {
  const shown = program.createHelp().visibleCommands(program);
  const commands = shown.filter((command) => command.name() !== 'help').map(describe);
  const lines = { bash, zsh, fish }[shell](commands, describe(program));
  return `${lines.join('\n')}\n`;
}

function describe(command: Command): Completable {
  const options = command.options.map(({ long, description }) => ({ flag: long ?? '', description }));
  const help = { flag: '--help', description: 'display help for command' };
  const takes = (what: RegExp): boolean => command.registeredArguments.some((argument) => what.test(argument.name()));
  return {
    name: command.name(),
    summary: command.summary(),
    takesNodes: takes(/host|node|master/),
    takesFolder: takes(/directory/),
    options: [...options.filter(({ flag }) => flag), help],
  };
}

function flags({ options }: Completable): string {
  return options.map(({ flag }) => flag).join(' ');
}

function names(commands: readonly Completable[]): string {
  return commands.map(({ name }) => name).join(' ');
}

function bash(commands: readonly Completable[], program: Completable): string[] {
  const alternatives = (of: readonly Completable[]): string => names(of).replaceAll(' ', ' | ');
  return [
    '# trib completion for bash:  source <(trib completion bash)',
    '_trib() {',
    // Not COMP_WORDS: a colon ends a word there.
    `  local line="\${COMP_LINE:0:COMP_POINT}" command="" entry="" words="" word before each`,
    `  word="\${line##*[[:space:]]}"`,
    `  read -ra before <<<"\${line%"$word"}"`,
    `  for each in "\${before[@]:1}"; do`,
    '    case "$each" in',
    `      ${alternatives(commands)} | help) command="\${command:-$each}" ;;`,
    `      *:[0-9]*) entry="\${entry:-$each}" ;;`,
    '    esac',
    '  done',
    '  case "$command" in',
    `    "") words="${names(commands)} help ${flags(program)}" ;;`,
    `    help) words="${names(commands)}" ;;`,
    ...commands.map((command) => `    ${command.name}) words="${flags(command)}" ;;`),
    '  esac',
    '  case "$command" in',
    `    ${alternatives(commands.filter(({ takesNodes }) => takesNodes))})`,
    `      [[ $word == -* ]] || words="$words $("\${before[0]}" complete-nodes $entry 2>/dev/null)" ;;`,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    `  if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then COMPREPLY=("\${COMPREPLY[@]#"\${word%"\${word##*:}"}"}"); fi`,
    '}',
    'complete -o default -F _trib trib',
  ];
}

function zsh(commands: readonly Completable[], program: Completable): string[] {
  const described = (text: string, about: string): string => quote(`${text.replaceAll(':', '\\:')}:${about}`);
  return [
    '#compdef trib',
    '# trib completion for zsh:  source <(trib completion zsh)',
    '_trib() {',
    '  local -a commands options',
    `  commands=(${commands.map(({ name, summary }) => described(name, summary)).join(' ')})`,
    '  if (( CURRENT == 2 )); then',
    "    _describe -t commands 'trib command' commands",
    `    options=(${program.options.map(({ flag, description }) => described(flag, description)).join(' ')})`,
    "    _describe -o -t options 'option' options",
    '    return',
    '  fi',
    '  case "$words[2]" in',
    ...commands.map(({ name, options }) => {
      return `    ${name}) options=(${options.map(({ flag, description }) => described(flag, description)).join(' ')}) ;;`;
    }),
    "    help) _describe -t commands 'trib command' commands; return ;;",
    '  esac',
    '  case "$words[2]" in',
    `    ${names(commands.filter(({ takesNodes }) => takesNodes)).replaceAll(' ', ' | ')})`,
    '      if [[ $PREFIX != -* ]]; then',
    `        local -a before=("\${(@)words[2,CURRENT-1]}")`,
    `        compadd -- \${(f)"$($words[1] complete-nodes \${before[(r)*:[0-9]*]} 2>/dev/null)"}`,
    '      fi ;;',
    '  esac',
    `  [[ "$words[2]" == (${names(commands.filter(({ takesFolder }) => takesFolder)).replaceAll(' ', '|')}) ]] && _files -/`,
    "  _describe -o -t options 'option' options",
    '}',
    'if [ "$funcstack[1]" = _trib ]; then _trib "$@"; else compdef _trib trib; fi',
  ];
}

function fish(commands: readonly Completable[], program: Completable): string[] {
  const option = (condition: string, { flag, description }: Completable['options'][number]): string =>
    `complete -c trib -n ${quote(condition)} -l ${flag.slice(2)} -d ${quote(description)}`;
  return [
    '# trib completion for fish:  trib completion fish | source',
    `complete -c trib -n '__fish_seen_subcommand_from help' -f -a ${quote(names(commands))}`,
    `complete -c trib -n __fish_use_subcommand -f -a help -d ${quote('tell about a command')}`,
    'function __trib_nodes',
    '  set -l words (commandline -opc)',
    "  set -l entry (string match -r '^\\S+:\\d+$' -- $words[2..-1])",
    '  $words[1] complete-nodes $entry[1] 2>/dev/null',
    'end',
    ...program.options.map((own) => option('__fish_use_subcommand', own)),
    ...commands.flatMap(({ name, summary, takesNodes, takesFolder, options }) => [
      `complete -c trib -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`,
      ...(takesNodes
        ? [
            `complete -c trib -n ${quote(`__fish_seen_subcommand_from ${name}`)}${takesFolder ? '' : ' -f'} -a '(__trib_nodes)'`,
          ]
        : []),
      ...options.map((own) => option(`__fish_seen_subcommand_from ${name}`, own)),
    ]),
  ];
}

/** For a POSIX shell: nothing between single quotes is special but the quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
