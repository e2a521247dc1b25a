import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/commands/define.js';
import { ALL_COMMANDS } from '../../src/server/commandList.js';

interface Named {
  readonly fullName: string;
  readonly command: Command;
}

const all: readonly Named[] = [...ALL_COMMANDS].flatMap((command) => named(command, ''));

function named(command: Command, container: string): Named[] {
  const fullName = `${container}${command.name}`;
  return [{ fullName, command }, ...(command.subcommands ?? []).flatMap((sub) => named(sub, `${fullName}|`))];
}

function except(fine: (command: Command, fullName: string) => boolean): string[] {
  return all.filter(({ command, fullName }) => !fine(command, fullName)).map(({ fullName }) => fullName);
}

describe('every command is declared once and whole', () => {
  it('there are commands', () => {
    expect(all.length).toBeGreaterThan(50);
  });

  it('under one name', () => {
    const names = all.map(({ fullName }) => fullName);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it('in lower case', () => {
    expect(except(({ name }) => /^[a-z0-9_-]+$/.test(name))).toEqual([]);
  });

  it('with the version of Redis it came with', () => {
    expect(except(({ since }) => /^\d+\.\d+\.\d+$/.test(since))).toEqual([]);
  });

  it('with a group', () => {
    expect(except(({ group }) => /^[a-z-]+$/.test(group))).toEqual([]);
  });

  it('with a summary that is a sentence', () => {
    expect(except(({ summary }) => /^[A-Z].*\.$/.test(summary))).toEqual([]);
  });

  it('with its complexity, but for LOLWUT, which has none in Redis either', () => {
    expect(except(({ complexity, run }) => run === undefined || complexity.length > 0)).toEqual(['lolwut']);
  });

  it('with an arity that counts its name', () => {
    const least = (fullName: string) => fullName.split('|').length;
    expect(except(({ arity }, fullName) => Math.abs(arity) >= Math.min(2, least(fullName)) && arity !== 0)).toEqual([]);
  });

  it('with something to run, or subcommands', () => {
    expect(except(({ run, subcommands }) => run !== undefined || (subcommands?.length ?? 0) > 0)).toEqual([]);
  });

  it('with the place of its keys, where its arguments have any', () => {
    const hasKeyArgument = (command: Command): boolean =>
      JSON.stringify(command.arguments ?? []).includes('"type":"key"');
    expect(except((command) => !hasKeyArgument(command) || (command.keys?.length ?? 0) > 0)).toEqual([]);
  });
});
