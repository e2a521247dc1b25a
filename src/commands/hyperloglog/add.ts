/** Commands that add to HyperLogLogs: PFADD PFMERGE. */
import { ENCODING_RAW, NO_EXPIRE, type Ref } from '../../store/types.js';
import { CHANGED, CORRUPT, HyperLogLogEditor, mergeRegisters } from '../../types/hyperloglog/editor.js';
import { DENSE, EMPTY_VALUE, encodingOf, REGISTERS } from '../../types/hyperloglog/layout.js';
import { patternOf } from '../../types/hyperloglog/pattern.js';
import { DENYOOM, FAST, index, range, WRITE } from '../command.js';
import { type CommandContext, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { create } from '../string/put.js';
import { CORRUPTED, hyperLogLog, sparseMaxBytes } from './access.js';

function createEmpty(ctx: CommandContext): Ref {
  return create(ctx, 1, EMPTY_VALUE, 0, EMPTY_VALUE.length, NO_EXPIRE, ENCODING_RAW);
}

function runPfAdd(ctx: CommandContext): void {
  const { argc, buf, start, end, db } = ctx;
  let changes = 0;
  let ref = ctx.lookupWrite(1);
  if (ref === 0) {
    ref = createEmpty(ctx);
    changes++;
  } else {
    if (hyperLogLog(ctx, ref) === undefined) return;
    db.setEncoding(ref, ENCODING_RAW);
  }
  const editor = new HyperLogLogEditor(db, ref, sparseMaxBytes(ctx));
  for (let i = 2; i < argc; i++) {
    const outcome = editor.add(patternOf(buf, start[i], end[i]));
    if (outcome === CORRUPT) return ctx.reply.error(CORRUPTED);
    if (outcome === CHANGED) changes++;
  }
  if (changes > 0) {
    editor.invalidate();
    ctx.touched(1, EVENT_STRING, 'pfadd');
    ctx.markDirty(changes);
  }
  ctx.reply.integer(changes > 0 ? 1 : 0);
}

/** The greatest of each register of all keys; undefined when one is no HyperLogLog, which has then been replied. */
interface Union {
  readonly registers: Uint8Array;
  readonly anyDense: boolean;
}

/** Looks at key arguments from 1 on. */
export function unionOf(ctx: CommandContext): Union | undefined {
  const registers = new Uint8Array(REGISTERS);
  let anyDense = false;
  for (let i = 1; i < ctx.argc; i++) {
    const ref = ctx.lookupRead(i);
    if (ref === 0) continue;
    const value = hyperLogLog(ctx, ref);
    if (value === undefined) return undefined;
    if (!mergeRegisters(registers, value)) {
      ctx.reply.error(CORRUPTED);
      return undefined;
    }
    if (encodingOf(value) === DENSE) anyDense = true;
  }
  return { registers, anyDense };
}

function runPfMerge(ctx: CommandContext): void {
  const union = unionOf(ctx);
  if (union === undefined) return;
  const { registers } = union;
  const { db } = ctx;
  const own = new Uint8Array(REGISTERS);
  let ref = ctx.lookupWrite(1);
  if (ref === 0) ref = createEmpty(ctx);
  else mergeRegisters(own, db.readValue(ref));
  db.setEncoding(ref, ENCODING_RAW);
  const editor = new HyperLogLogEditor(db, ref, sparseMaxBytes(ctx));
  if (union.anyDense) editor.toDense();
  for (let i = 0; i < REGISTERS; i++) if (registers[i] > own[i]) editor.raise(i, registers[i]);
  editor.invalidate();
  // Redis calls it the same: it is an addition of many elements.
  ctx.modified(1, EVENT_STRING, 'pfadd');
  ctx.reply.ok();
}

const COMMON = { group: 'hyperloglog', acl: ['hyperloglog'], since: '2.8.9', arity: -2 } as const;

export const addCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'pfadd',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW insert'),
    complexity: 'O(1) for each element.',
    summary: 'Adds elements to a HyperLogLog, which need not exist.',
    arguments: [KEY, { name: 'element', type: 'string', flags: ['optional', 'multiple'] }],
    run: runPfAdd,
  }),
  command({
    ...COMMON,
    name: 'pfmerge',
    flags: WRITE | DENYOOM,
    keys: [
      { begin: index(1), find: range(0, 1), access: 'RW access insert' },
      { begin: index(2), find: range(-1, 1), access: 'RO access' },
    ],
    complexity: 'O(N) with N HyperLogLogs, each being looked at as a whole.',
    summary: 'Merges HyperLogLogs into one.',
    arguments: [
      { name: 'destkey', type: 'key', keySpecIndex: 0 },
      { name: 'sourcekey', type: 'key', keySpecIndex: 1, flags: ['multiple'] },
    ],
    run: runPfMerge,
  }),
];
