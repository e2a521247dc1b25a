/** The `trib up` that runs in the foreground of some shell and watches the nodes. */
import { type ProcessRecord, readRecord, stillRuns } from './process-record.js';

export const WATCHER_FILE = 'watcher.json';

/** Undefined also where the system cannot tell whether it is that very process. */
export function runningWatcher(dir: string): ProcessRecord | undefined {
  const record = readRecord(dir, WATCHER_FILE);
  return record !== undefined && stillRuns(record) === true ? record : undefined;
}
