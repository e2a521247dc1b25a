/** A local cluster as the commands work with it: its folder, what it is, its daemons. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Daemon } from './daemon.js';
import { keptId, type NodePlace, placesOf, readShape, type Shape } from './folder.js';
import { LOOPBACK, readUserConfig, type UserConfig } from './node-config.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/shoal-server', import.meta.url));
const MIN_ID_LENGTH = 4;

export interface LocalCluster {
  readonly dir: string;
  readonly shape: Shape;
  readonly user: UserConfig | undefined;
  readonly daemons: readonly Daemon[];
}

/** The cluster that is in `dir`. Throws, with words for the user, when there is none. */
export function openCluster(dir: string): LocalCluster {
  const absolute = path.resolve(dir);
  const shape = readShape(absolute);
  if (shape === undefined) {
    throw new Error(`There is no local cluster in ${absolute}: start one with trib up, or name its folder with --dir.`);
  }
  return clusterOf(absolute, shape);
}

export function clusterOf(dir: string, shape: Shape): LocalCluster {
  if (shape.config !== undefined && !existsSync(shape.config)) {
    throw new Error(
      `The nodes of ${dir} are configured by ${shape.config}, which is not there: name another file with --config.`,
    );
  }
  const user = shape.config === undefined ? undefined : readUserConfig(shape.config);
  const host = user?.host ?? LOOPBACK;
  const daemons = placesOf(dir, shape).map((place) => new Daemon({ place, host, program: PROGRAM, user }));
  return { dir, shape, user, daemons };
}

/** The node that the user means by a port, an index, an address or the beginning of an id. Throws when none or several. */
export function findDaemon({ daemons }: LocalCluster, text: string): Daemon {
  const found =
    daemons.find(({ place }) => String(place.port) === text) ??
    daemons.find(({ place }) => String(place.index) === text) ??
    daemons.find(({ name, place }) => name === text || `localhost:${place.port}` === text);
  if (found !== undefined) return found;
  const named = daemons.filter(({ place }) => hasIdPrefix(place, text));
  const [daemon] = named;
  if (daemon !== undefined && named.length === 1) return daemon;
  const known = daemons.map(({ place: { index, port } }) => `${index} (port ${port})`).join(', ');
  if (named.length > 1) throw new Error(`Several nodes have an id that begins with ${text}: ${namesOf(named)}.`);
  throw new Error(`There is no node '${text}'. The nodes are ${known}; the beginning of an id is a name, too.`);
}

export function namesOf(daemons: readonly Daemon[]): string {
  return daemons.map(({ name }) => name).join(', ');
}

function hasIdPrefix(place: NodePlace, text: string): boolean {
  return text.length >= MIN_ID_LENGTH && keptId(place)?.startsWith(text.toLowerCase()) === true;
}
