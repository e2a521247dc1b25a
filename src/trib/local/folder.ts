/**
 * The folder of a local cluster: `cluster.json` says what the cluster is, and each node has a folder named after its port
 * with its configuration, data, log and `process.json` (see process-record.ts).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMaster, parseNodeView } from '../node-view.js';

/** What a local cluster is. It stays as long as its data does. */
export interface Shape {
  readonly nodes: number;
  /** For each master. */
  readonly replicas: number;
  /** Port of the first node; the others follow. */
  readonly port: number;
  /** The redis.conf lines that every node gets, an absolute path. */
  readonly config: string | undefined;
}

export interface NodePlace {
  readonly index: number;
  readonly port: number;
  readonly dir: string;
  readonly logFile: string;
}

/** Where a local cluster is when no folder is named. */
export const DEFAULT_DIR = '.data';
const SHAPE_FILE = 'cluster.json';
const LOG_FILE = 'shoal.log';
export const NODES_FILE = 'nodes.conf';

/** Reads the shape of the cluster in `dir`; undefined when there is none. */
export function readShape(dir: string): Shape | undefined {
  const file = path.join(dir, SHAPE_FILE);
  const text = readIfThere(file);
  if (text === undefined) return inferShape(dir);
  const shape = parseShape(text);
  if (shape === undefined) throw new Error(`${file} cannot be understood: it is not what trib up writes.`);
  return shape;
}

export function writeShape(dir: string, shape: Shape): void {
  mkdirSync(dir, { recursive: true });
  replaceFile(path.join(dir, SHAPE_FILE), `${JSON.stringify(shape, undefined, 2)}\n`);
}

export function placesOf(dir: string, shape: Shape): NodePlace[] {
  return Array.from({ length: shape.nodes }, (_, index) => {
    const port = shape.port + index;
    const nodeDir = path.join(dir, String(port));
    return { index, port, dir: nodeDir, logFile: path.join(nodeDir, LOG_FILE) };
  });
}

/** The id in the node's nodes.conf: also there when the node does not run. */
export function keptId(place: NodePlace): string | undefined {
  const text = readIfThere(path.join(place.dir, NODES_FILE));
  return text === undefined ? undefined : parseNodeView(text)?.myself.id;
}

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A reader sees the old text or the new one, never half of it. */
export function replaceFile(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

function parseShape(text: string): Shape | undefined {
  try {
    const { nodes, replicas, port, config } = JSON.parse(text) as Record<string, unknown>;
    if (![nodes, replicas, port].every(Number.isInteger)) return undefined;
    if (config !== undefined && typeof config !== 'string') return undefined;
    return { nodes: nodes as number, replicas: replicas as number, port: port as number, config };
  } catch {
    return undefined;
  }
}

/** Folders of nodes without cluster.json: what earlier versions left, which had one kind of cluster. */
function inferShape(dir: string): Shape | undefined {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const ports = names
    .filter((name) => /^\d{1,5}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const views = ports.map((port) => readIfThere(path.join(dir, String(port), NODES_FILE)));
  const view = parseNodeView(views[0] ?? '');
  if (view === undefined || views.includes(undefined)) return undefined;
  const masters = [view.myself, ...view.others].filter(isMaster).length;
  const replicas = Math.round((ports.length - masters) / Math.max(1, masters));
  return { nodes: ports.length, replicas, port: ports[0], config: undefined };
}
