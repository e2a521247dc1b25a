import type { Cluster } from '../cluster.js';
import { AtomicMover } from './atomic-mover.js';
import { KeyMover } from './key-mover.js';
import type { MoveOptions, SlotMover } from './mover.js';

/** How the slots of this cluster are moved: the one place that decides. Key by key is what all servers can do. */
export function chooseMover(cluster: Cluster, options: MoveOptions): SlotMover {
  return options.atomic ? new AtomicMover(cluster) : new KeyMover(cluster, options);
}
