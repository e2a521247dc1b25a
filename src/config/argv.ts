/**
 * The command line of the server: `[/path/to/redis.conf] [options] [-]`. Arguments hold one character a byte.
 *
 * Options become lines that are read behind the file and standard input: `--port 6380` is the line `port "6380"`.
 */
import { quoteArg, splitArgs } from '../base/splitArgs.js';

export type CommandLine =
  | { readonly kind: 'version' }
  | { readonly kind: 'help' }
  | { readonly kind: 'check-system' }
  /** A data file is to be checked; what follows are the arguments of the tool. */
  | { readonly kind: 'check'; readonly what: 'rdb' | 'aof' }
  | { readonly kind: 'test-memory'; readonly megabytes: number }
  /** Nothing to run: `message` goes to standard error, exit code 1. */
  | { readonly kind: 'error'; readonly message: string }
  | {
      readonly kind: 'run';
      /** The file as given, not yet made absolute. */
      readonly configFile: string | undefined;
      /** Whether standard input is to be read as configuration. */
      readonly stdin: boolean;
      /** The lines that the options make; undefined when there was no argument at all. */
      readonly optionsText: string | undefined;
    };

/** `args`: what follows the program's name. Only the first one may ask for something else than a run. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  switch (args[0]) {
    case undefined:
      return { kind: 'run', configFile: undefined, stdin: false, optionsText: undefined };
    case '-v':
    case '--version':
      return { kind: 'version' };
    case '-h':
    case '--help':
      return { kind: 'help' };
    case '--check-system':
      return { kind: 'check-system' };
    case '--check-rdb':
      return { kind: 'check', what: 'rdb' };
    case '--check-aof':
      return { kind: 'check', what: 'aof' };
    case '--test-memory':
      return memoryTest(args);
  }
  if (args.includes('--sentinel')) return { kind: 'error', message: 'Sentinel mode is not supported.' };
  const configFile = args[0].startsWith('-') ? undefined : args[0];
  const first = configFile === undefined ? 0 : 1;
  let stdin = false;
  let optionsText = '';
  // A word that starts with `--` names an option, unless the option before it still lacks its value.
  let mayName = true;
  for (let i = first; i < args.length; i++) {
    const arg = args[i];
    if (arg === '-' && (i === 0 || i === args.length - 1)) {
      stdin = true;
    } else if (mayName && arg.startsWith('--')) {
      if (optionsText !== '') optionsText += '\n';
      optionsText += `${arg.slice(2)} `;
      mayName = splitArgs(arg)?.length !== 1;
      if (!mayName && arg.toLowerCase() === '--save' && (i === args.length - 1 || args[i + 1].startsWith('--'))) {
        // Scripts that build `--save` from an empty list mean: never save.
        optionsText += '""';
        mayName = true;
      }
    } else {
      optionsText += `${quoteArg(arg)} `;
      mayName = true;
    }
  }
  return { kind: 'run', configFile, stdin, optionsText };
}

function memoryTest(args: readonly string[]): CommandLine {
  if (args.length === 2) return { kind: 'test-memory', megabytes: Number.parseInt(args[1], 10) || 0 };
  const message =
    'Please specify the amount of memory to test in megabytes.\nExample: ./shoal-server --test-memory 4096\n';
  return { kind: 'error', message };
}
