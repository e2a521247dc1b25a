/** Which cluster `trib up` is to run: what is asked for, against what is there from an earlier run. */
import path from 'node:path';
import { MIN_MASTERS, shapeError } from '../plan.js';
import type { Shape } from './folder.js';

/** What was said on the command line; undefined where nothing was. */
export interface AskedShape {
  readonly nodes?: number | undefined;
  readonly replicas?: number | undefined;
  readonly port?: number | undefined;
  /** An empty text takes back the file of an earlier run. */
  readonly config?: string | undefined;
}

const DEFAULT_NODES = 6;
const DEFAULT_PORT = 7000;
const BUS_OFFSET = 10000;
const MAX_PORT = 65535;

/** The shape, or lines that say why there can be none. */
export function settleShape(dir: string, asked: AskedShape, kept: Shape | undefined): Shape | string[] {
  const config = asked.config === undefined ? kept?.config : configPath(asked.config);
  if (kept !== undefined) {
    const objections = differences(asked, kept);
    return objections.length > 0 ? refusal(dir, kept, objections) : { ...kept, config };
  }
  const { nodes = DEFAULT_NODES, port = DEFAULT_PORT } = asked;
  const { replicas = defaultReplicas(nodes) } = asked;
  const misshapen = shapeError(nodes, replicas);
  if (misshapen !== undefined) return misshapen;
  if (port + nodes - 1 + BUS_OFFSET > MAX_PORT) {
    return [
      `[ERR] ${nodes} nodes from port ${port} need the bus ports ${port + BUS_OFFSET} and up: they end at ${MAX_PORT}.`,
    ];
  }
  return { nodes, replicas, port, config };
}

/** Three masters are the least; a replica for each needs as many nodes again. */
export function defaultReplicas(nodes: number): number {
  return nodes >= 2 * MIN_MASTERS ? 1 : 0;
}

/** The port on which the nodes talk to each other. */
export function busPortAt(port: number): number {
  return port + BUS_OFFSET;
}

function configPath(text: string): string | undefined {
  return text === '' ? undefined : path.resolve(text);
}

function differences(asked: AskedShape, kept: Shape): string[] {
  return (['nodes', 'replicas', 'port'] as const)
    .filter((name) => asked[name] !== undefined && asked[name] !== kept[name])
    .map((name) => `--${name} ${asked[name]} (it has ${kept[name]})`);
}

function refusal(dir: string, { nodes, replicas, port }: Shape, objections: readonly string[]): string[] {
  return [
    `[ERR] ${dir} holds a cluster with data, which these options do not fit: ${objections.join(', ')}.`,
    `      It has ${nodes} nodes, ${replicas} replica(s) for each master, ports from ${port}. To start it, leave the options out.`,
    '      To have another cluster, name another folder with --dir; to begin anew, delete this folder first.',
  ];
}
