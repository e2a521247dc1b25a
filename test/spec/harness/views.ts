/** Views: what of a reply is compared, where the whole reply says more than anybody promises. */
import type { Outcome } from '../../support/rawclient.js';
import type { Reply } from '../../support/resp.js';
import { byText } from './state.js';

type View = (reply: Reply) => Reply;

export const VIEWS: Readonly<Record<string, View>> = {
  /** Arrays in no promised order (KEYS, SCAN): their elements sorted, at every level. */
  sorted: (reply) => mapArrays(reply, (items) => items.toSorted(byText)),
  /** INFO: headings and names of fields, in no promised order, without their values. */
  fields: (reply) => ({ ...array(linesOf(reply).map((line) => line.split(':')[0] as string)), type: 'set' }),
  /** CONFIG GET: the names without the values. */
  names: (reply) =>
    reply.type === 'map' ? { type: 'array', items: reply.entries.map(([key]) => key) } : everySecond(reply),
  /** COMMAND INFO: a few lines for each command and subcommand, in no promised order. */
  commands: (reply) => commandInfo(reply),
  /** COMMAND DOCS: its structure without its prose. */
  docs: (reply) => withoutProse(reply),
  /** Only how many elements. */
  count: (reply) => ({ type: 'integer', text: String(countOf(reply)) }),
};

export function applyViews(options: ReadonlySet<string>, outcome: Outcome): Outcome {
  if (outcome.type === 'closed' || outcome.type === 'timeout') return outcome;
  let reply: Reply = outcome;
  for (const option of options) reply = VIEWS[option]?.(reply) ?? reply;
  return reply;
}

function mapArrays(reply: Reply, change: (items: readonly Reply[]) => Reply[]): Reply {
  if (reply.type !== 'array') return reply;
  return { type: 'array', items: change(reply.items.map((item) => mapArrays(item, change))) };
}

function linesOf(reply: Reply): string[] {
  if (!('text' in reply)) return [];
  return reply.text.split('\r\n').filter((line) => line !== '');
}

function array(texts: readonly string[]): Reply & { items: readonly Reply[] } {
  return { type: 'array', items: texts.map((text) => ({ type: 'bulk', text })) };
}

function everySecond(reply: Reply): Reply {
  if (reply.type !== 'array') return reply;
  return { type: 'array', items: reply.items.filter((_, i) => i % 2 === 0) };
}

function countOf(reply: Reply): number {
  if ('items' in reply) return reply.items.length;
  return 'entries' in reply ? reply.entries.length : linesOf(reply).length;
}

const PROSE = new Set(['summary', 'complexity', 'history']);

function withoutProse(reply: Reply): Reply {
  if (reply.type === 'array' || reply.type === 'set') return { ...reply, items: reply.items.map(withoutProse) };
  if (reply.type !== 'map') return reply;
  const entries = reply.entries.filter(([key]) => !(key.type === 'bulk' && PROSE.has(key.text)));
  return { type: 'map', entries: entries.map(([key, value]) => [key, withoutProse(value)]) };
}

function commandInfo(reply: Reply): Reply {
  if (reply.type !== 'array') return reply;
  const entries: [Reply, Reply][] = [];
  for (const item of reply.items) {
    const [name, arity, flags, first, last, step, acl, tips, keySpecs, subcommands] = itemsOf(item);
    if (name === undefined) {
      entries.push([item, item]);
      continue;
    }
    const lines = [
      `arity ${flat(arity)}, keys ${flat(first)} ${flat(last)} ${flat(step)}`,
      flat(flags),
      flat(acl),
      ...itemsOf(tips).map((tip) => `tip ${flat(tip)}`),
      ...itemsOf(keySpecs).map(keySpecLine),
    ];
    entries.push([name, array(lines)]);
    const nested: Reply = commandInfo(subcommands ?? { type: 'nil' });
    if (nested.type === 'map') {
      for (const [key, value] of nested.entries) entries.push([key, value]);
    }
  }
  return { type: 'map', entries };
}

/** `RO access: index 1, range 0 1 0`. Notes are prose. */
function keySpecLine(spec: Reply): string {
  if (spec.type !== 'map') return flat(spec);
  const part = (name: string) => flat(spec.entries.find(([key]) => flat(key) === name)?.[1]);
  return `${part('flags')}: ${part('begin_search')}, ${part('find_keys')}`;
}

/** The values within, without the names of fields; sets in sorted order. */
function flat(reply: Reply | undefined): string {
  if (reply === undefined) return '';
  if (reply.type === 'map') return reply.entries.map(([, value]) => flat(value)).join(' ');
  if (reply.type === 'set') return reply.items.map(flat).sort().join(' ');
  if ('items' in reply) return reply.items.map(flat).join(' ');
  return 'text' in reply ? reply.text : '';
}

function itemsOf(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && 'items' in reply ? reply.items : [];
}
