/** Turns the spec files into vitest suites against one kind of server. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCase } from './run.js';
import { parseSpecFile, renderCase, renderSpecFile, type SpecCase, type SpecFile } from './specfile.js';
import { type StartServer, type Topology, TopologyPool } from './topology.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export interface SpecTarget {
  readonly name: string;
  readonly start: StartServer;
  /** The real server's: cases of later versions are left out, with a note. Undefined: our server. */
  readonly version?: string;
  /** Writes what the server has replied to the spec files, instead of comparing. */
  readonly record?: boolean;
}

/** All spec files below test/spec, or those whose path contains SPEC_ONLY. */
function specPaths(): string[] {
  const only = process.env.SPEC_ONLY ?? '';
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.spec') && path.includes(only))
    .sort()
    .map((path) => join(root, path));
}

export function describeSpecs(target: SpecTarget): void {
  const pool = new TopologyPool(target.start);
  afterAll(() => pool.stop());
  for (const path of specPaths()) {
    const file = parseSpecFile(readFileSync(path, 'utf8'), relative(root, path));
    describe(`${relative(root, path)} (${target.name})`, () => describeFile(target, pool, path, file));
  }
}

function describeFile(target: SpecTarget, pool: TopologyPool, path: string, file: SpecFile): void {
  let topology: Topology;
  const results: SpecCase[] = [...file.cases];
  beforeAll(async () => {
    topology = await pool.get(file.server);
  }, 60_000);
  file.cases.forEach((spec, i) => {
    const skipped = whyNot(target, spec);
    it.skipIf(skipped !== undefined)(`${spec.title}${skipped === undefined ? '' : ` [${skipped}]`}`, async () => {
      if (!topology.alive()) topology = await pool.get(file.server);
      const result = await runCase(spec, topology, file.before);
      results[i] = result;
      if (!target.record) expect(renderCase(result)).toBe(renderCase(spec));
    });
  });
  if (target.record) {
    afterAll(() => writeFileSync(path, renderSpecFile({ ...file, cases: results })));
  }
}

/** Why this case is not for this server, if so. */
function whyNot(target: SpecTarget, spec: SpecCase): string | undefined {
  if (target.version === undefined) return spec.later;
  return spec.since !== undefined && isOlder(target.version, spec.since) ? `since ${spec.since}` : undefined;
}

function isOlder(version: string, since: string): boolean {
  const left = version.split('.').map(Number);
  const right = since.split('.').map(Number);
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
