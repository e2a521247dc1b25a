/** The text of INFO: which sections are asked for, and how they are laid out. */
import type { ServerPort } from '../commands/context.js';
import { commandStatsSection, errorStatsSection, keyspaceSection, latencyStatsSection } from './infoCounts.js';
import type { InfoFields } from './infoFields.js';
import { memorySection } from './infoMemory.js';
import { replicationSection } from './infoReplication.js';
import { cpuSection, persistenceSection, statsSection } from './infoRunning.js';
import { clientsSection, clusterSection, serverSection } from './infoServer.js';

interface Section {
  readonly title: string;
  /** Shown when nothing is asked for by name. */
  readonly byDefault: boolean;
  readonly fields: (server: ServerPort) => InfoFields;
}

/** In the order in which INFO shows them, whatever the order in which they are asked for. */
const SECTIONS: readonly Section[] = [
  { title: 'Server', byDefault: true, fields: serverSection },
  { title: 'Clients', byDefault: true, fields: clientsSection },
  { title: 'Memory', byDefault: true, fields: memorySection },
  { title: 'Persistence', byDefault: true, fields: persistenceSection },
  { title: 'Stats', byDefault: true, fields: statsSection },
  { title: 'Replication', byDefault: true, fields: replicationSection },
  { title: 'CPU', byDefault: true, fields: cpuSection },
  { title: 'Modules', byDefault: true, fields: () => [] },
  { title: 'Commandstats', byDefault: false, fields: commandStatsSection },
  { title: 'Errorstats', byDefault: true, fields: errorStatsSection },
  { title: 'Latencystats', byDefault: false, fields: latencyStatsSection },
  { title: 'Cluster', byDefault: true, fields: clusterSection },
  { title: 'Keyspace', byDefault: true, fields: keyspaceSection },
];

/**
 * The text for the given section names, letter case aside; `default` (also when there are none), `all` and `everything`
 * stand for several. Unknown names add nothing.
 */
export function renderInfo(server: ServerPort, sections: readonly string[]): string {
  const wanted = new Set(sections.map((name) => name.toLowerCase()));
  const everything = wanted.has('all') || wanted.has('everything');
  const defaults = sections.length === 0 || wanted.has('default');
  return SECTIONS.filter(
    ({ title, byDefault }) => everything || (defaults && byDefault) || wanted.has(title.toLowerCase()),
  )
    .map(({ title, fields }) => `# ${title}\r\n${formatFields(fields(server))}`)
    .join('\r\n');
}

function formatFields(fields: InfoFields): string {
  return fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
}
