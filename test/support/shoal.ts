/** Our own server as a process of its own. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RunningServer, startServerProcess } from './process.js';

/** SHOAL_SERVER names another build's start file. */
const executable = process.env.SHOAL_SERVER ?? fileURLToPath(new URL('../../bin/shoal-server', import.meta.url));
const built = fileURLToPath(new URL('../../dist', import.meta.url));

/** Starts `bin/shoal-server` with redis-server's argv. Throws when the project is not built. */
export function startShoal(args: readonly string[] = []): Promise<RunningServer> {
  if (!existsSync(built)) throw new Error('dist/ is missing: run `npm run build` first');
  const quiet = args.includes('--save') ? [] : ['--save', ''];
  return startServerProcess([process.execPath, executable], [...quiet, ...args]);
}
