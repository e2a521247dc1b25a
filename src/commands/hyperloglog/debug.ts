/** PFDEBUG and PFSELFTEST: HyperLogLogs from the inside. */
import { cString } from '../../resp/errors.js';
import { type ByteView, ENCODING_RAW } from '../../store/types.js';
import { countDense, readRegister, writeRegister } from '../../types/hyperloglog/dense.js';
import { HyperLogLogEditor } from '../../types/hyperloglog/editor.js';
import { estimate } from '../../types/hyperloglog/estimate.js';
import {
  DENSE,
  DENSE_BYTES,
  encodingOf,
  HEADER_BYTES,
  HISTOGRAM_SIZE,
  REGISTERS,
} from '../../types/hyperloglog/layout.js';
import { INDEX_BITS, INDEX_MASK, patternOf } from '../../types/hyperloglog/pattern.js';
import { isValue, runBytes, runLength, runValue } from '../../types/hyperloglog/sparse.js';
import { ADMIN, DENYOOM, index, range, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY } from '../generic/declare.js';
import { CORRUPTED, hyperLogLog, sparseMaxBytes } from './access.js';

const NO_KEY = 'ERR The specified key does not exist';
const NOT_SPARSE = 'ERR HLL encoding is not sparse';

function runPfDebug(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const ref = ctx.lookupWrite(2);
  if (ref === 0) return reply.error(NO_KEY);
  const value = hyperLogLog(ctx, ref);
  if (value === undefined) return;
  db.setEncoding(ref, ENCODING_RAW);
  const dense = encodingOf(value) === DENSE;
  if (ctx.argIs(1, 'encoding')) return reply.simple(dense ? 'dense' : 'sparse');
  if (ctx.argIs(1, 'decode')) return dense ? reply.error(NOT_SPARSE) : reply.latin1(runsText(value));
  const wantsRegisters = ctx.argIs(1, 'getreg');
  if (!wantsRegisters && !ctx.argIs(1, 'todense')) {
    return reply.error(`ERR Unknown PFDEBUG subcommand '${cString(ctx.argText(1))}'`);
  }

  const editor = new HyperLogLogEditor(db, ref, sparseMaxBytes(ctx));
  if (!editor.toDense()) return reply.error(CORRUPTED);
  if (!dense) ctx.markDirty(1);
  if (wantsRegisters) replyRegisters(ctx, db.readValue(editor.ref));
  else reply.integer(dense ? 0 : 1);
}

function replyRegisters(ctx: CommandContext, { buf, start }: ByteView): void {
  ctx.reply.array(REGISTERS);
  for (let i = 0; i < REGISTERS; i++) ctx.reply.integer(readRegister(buf, start + HEADER_BYTES, i));
}

/** `Z:16383 v:3,1`: long and short runs of zeros, and runs of other numbers with their length. */
function runsText({ buf, start, end }: ByteView): string {
  const runs: string[] = [];
  for (let at = start + HEADER_BYTES; at < end; at += runBytes(buf[at])) {
    const length = runLength(buf, at);
    if (isValue(buf[at])) runs.push(`v:${runValue(buf[at])},${length}`);
    else runs.push(`${runBytes(buf[at]) === 2 ? 'Z' : 'z'}:${length}`);
  }
  return runs.join(' ');
}

const TEST_ELEMENTS = 100_000;
const TEST_ROUNDS = 50;

function runPfSelfTest(ctx: CommandContext): void {
  const problem = registersProblem(ctx) ?? estimateProblem();
  if (problem === undefined) ctx.reply.ok();
  else ctx.reply.error(`TESTFAILED ${problem}`);
}

/** Sets dense registers at random and compares all of them with plain bytes. */
function registersProblem({ server }: CommandContext): string | undefined {
  const packed = new Uint8Array(DENSE_BYTES);
  const plain = new Uint8Array(REGISTERS);
  for (let round = 0; round < TEST_ROUNDS; round++) {
    for (let i = 0; i < REGISTERS; i++) {
      const count = server.random.below(HISTOGRAM_SIZE);
      plain[i] = count;
      writeRegister(packed, HEADER_BYTES, i, count);
    }
    for (let i = 0; i < REGISTERS; i++) {
      const found = readRegister(packed, HEADER_BYTES, i);
      if (found !== plain[i]) return `Register ${i} should be ${plain[i]} but is ${found}`;
    }
  }
  return undefined;
}

/** Adds numbers and looks at ever greater counts whether the estimate is within six standard errors. */
function estimateProblem(): string | undefined {
  const packed = new Uint8Array(DENSE_BYTES);
  const element = new Uint8Array(8);
  const data = new DataView(element.buffer);
  const standardError = 1.04 / Math.sqrt(REGISTERS);
  let checkAt = 1;
  for (let n = 1; n <= TEST_ELEMENTS; n++) {
    data.setFloat64(0, n, true);
    const pattern = patternOf(element, 0, element.length);
    const register = pattern & INDEX_MASK;
    const count = pattern >>> INDEX_BITS;
    if (readRegister(packed, HEADER_BYTES, register) < count) writeRegister(packed, HEADER_BYTES, register, count);
    if (n !== checkAt) continue;
    const histogram = new Int32Array(HISTOGRAM_SIZE);
    countDense(histogram, packed, HEADER_BYTES);
    const error = Math.abs(estimate(histogram) - n);
    if (error > Math.ceil(standardError * 6 * n)) return `Too big error: ${n} elements are off by ${error}`;
    checkAt *= 10;
  }
  return undefined;
}

const COMMON = {
  group: 'hyperloglog',
  acl: ['hyperloglog'],
  since: '2.8.9',
  complexity: 'N/A',
  docFlags: ['syscmd'],
} as const;

export const debugCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'pfdebug',
    arity: 3,
    flags: WRITE | DENYOOM | ADMIN,
    keys: [{ begin: index(2), find: range(0, 1), access: 'RW access' }],
    summary: 'Looks into a HyperLogLog: its registers, runs or encoding.',
    arguments: [{ name: 'subcommand', type: 'string' }, KEY],
    run: runPfDebug,
  }),
  command({
    ...COMMON,
    name: 'pfselftest',
    arity: 1,
    flags: ADMIN,
    summary: 'Tests the registers and the estimator of HyperLogLogs.',
    run: runPfSelfTest,
  }),
];
