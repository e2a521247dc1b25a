/** Options and arguments that several commands have, and how their texts are read. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { type Command, InvalidArgumentError } from 'commander';
import { type Address, parseAddress } from '../address.js';
import type { CommandContext } from '../commands/context.js';
import type { MoveOptions } from '../moving/mover.js';

/** Options of every command. */
export interface CommonFlags {
  readonly password?: string;
  readonly user?: string;
  readonly askpass?: boolean;
  readonly json?: boolean;
  readonly tls?: boolean;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly sni?: string;
  readonly insecure?: boolean;
}

/** Of every command that changes something. */
export interface ChangeFlags extends CommonFlags {
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Of every command that moves keys. */
export interface MoveFlags extends ChangeFlags {
  readonly timeout: number;
  readonly pipeline: number;
  readonly replace: boolean;
}

/** Runs one command under its name, with the common options that were given to it. */
export type Runner = (
  name: string,
  flags: CommonFlags,
  command: (context: CommandContext) => Promise<number>,
) => Promise<void>;

export function withCommon(command: Command): Command {
  return command
    .option('-a, --password <password>', 'password of the nodes (default: $SHOAL_AUTH or $REDISCLI_AUTH)')
    .option('--user <name>', 'ACL user of the password')
    .option('--askpass', 'ask for the password')
    .option('--json', 'print one JSON document on standard output, the transcript on standard error')
    .option('--tls', 'connect with TLS')
    .option('--cacert <file>', 'certificate authority that the nodes are checked against')
    .option('--cert <file>', "the client's certificate")
    .option('--key <file>', 'the private key of --cert')
    .option('--sni <host>', 'server name to ask for')
    .option('--insecure', "do not check the nodes' certificates");
}

export function withChanges(command: Command): Command {
  return withCommon(command)
    .option('--yes', 'accept the plan without asking', false)
    .option('--dry-run', 'show the plan and stop', false);
}

export function withMoves(command: Command): Command {
  return withChanges(command)
    .option('--timeout <ms>', 'how long a MIGRATE may wait for the other node', readCount, 60_000)
    .option('--pipeline <n>', 'keys that go over at once', readPositive, 10)
    .option('--replace', 'overwrite keys of the receiving node that differ', false);
}

export function changeOptions({ yes, dryRun }: ChangeFlags): { yes: boolean; dryRun: boolean } {
  return { yes, dryRun };
}

export function moveOptions(flags: MoveFlags): MoveOptions & { yes: boolean; dryRun: boolean } {
  const { timeout, pipeline, replace } = flags;
  return { ...changeOptions(flags), timeoutMs: timeout, pipeline, replace };
}

/** The TLS options; undefined without --tls. Throws when a file cannot be read. */
export function tlsOptions(flags: CommonFlags): ConnectionOptions | undefined {
  if (!flags.tls) return undefined;
  return {
    ...(flags.cacert !== undefined && { ca: readFileSync(flags.cacert) }),
    ...(flags.cert !== undefined && { cert: readFileSync(flags.cert) }),
    ...(flags.key !== undefined && { key: readFileSync(flags.key) }),
    ...(flags.sni !== undefined && { servername: flags.sni }),
    rejectUnauthorized: !flags.insecure,
  };
}

export function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (typeof address === 'string') throw new InvalidArgumentError(address);
  return address;
}

export function collectAddresses(text: string, before: Address[] | undefined): Address[] {
  return [...(before ?? []), readAddress(text)];
}

export function collectTexts(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

export function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

export function readPositive(text: string): number {
  const count = readCount(text);
  if (count === 0) throw new InvalidArgumentError('It must be at least 1.');
  return count;
}

export function readPercent(text: string): number {
  if (!/^\d{1,3}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number, in percent.');
  return Number(text);
}

/** The usual first argument. */
export const ANY_NODE = 'any node of the cluster';
/** The same, of commands that redis-cli gives host and port in two words. */
export const ANY_NODE_IN_WORDS = 'any node of the cluster, or its host and port in two words';
