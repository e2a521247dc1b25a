/**
 * Gives a test run one folder for everything temporary and removes it at the end. Workers are ended without being asked, so
 * none of them can be trusted to clean up behind itself.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-'));
  // Where os.tmpdir() looks, here and in every worker.
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
