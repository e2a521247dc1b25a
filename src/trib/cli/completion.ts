/** Scripts with which shells complete trib's commands and options, made from the commands themselves. */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Completable {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map(describe);
  const lines = { bash, zsh, fish }[shell](commands, describe(program));
  return `${lines.join('\n')}\n`;
}

function describe(command: Command): Completable {
  const options = command.options.map(({ long, description }) => ({ flag: long ?? '', description }));
  const help = { flag: '--help', description: 'display help for command' };
  return { name: command.name(), summary: command.summary(), options: [...options.filter(({ flag }) => flag), help] };
}

function flags({ options }: Completable): string {
  return options.map(({ flag }) => flag).join(' ');
}

function names(commands: readonly Completable[]): string {
  return commands.map(({ name }) => name).join(' ');
}

function bash(commands: readonly Completable[], program: Completable): string[] {
  return [
    '# trib completion for bash:  source <(trib completion bash)',
    '_trib() {',
    `  local word="\${COMP_WORDS[COMP_CWORD]}" command="" words="" i`,
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    `    case "\${COMP_WORDS[i]}" in`,
    `      ${names(commands).replaceAll(' ', ' | ')} | help) command="\${COMP_WORDS[i]}"; break ;;`,
    '    esac',
    '  done',
    '  case "$command" in',
    `    "") words="${names(commands)} help ${flags(program)}" ;;`,
    `    help) words="${names(commands)}" ;;`,
    ...commands.map((command) => `    ${command.name}) words="${flags(command)}" ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
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
    ...program.options.map((own) => option('__fish_use_subcommand', own)),
    ...commands.flatMap(({ name, summary, options }) => [
      `complete -c trib -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`,
      ...options.map((own) => option(`__fish_seen_subcommand_from ${name}`, own)),
    ]),
  ];
}

/** For a POSIX shell: nothing between single quotes is special but the quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
