import { runTrib } from './cli.js';

const INTERRUPTED = 130;

// Where ps shows the title in place of the arguments, a password given with -a is not seen any longer.
process.title = ['trib', ...process.argv.slice(2, 3)].join(' ');

process.on('SIGINT', () => {
  process.stderr.write(
    '\nInterrupted. No key is lost: run the same command again, or trib fix where slots were on the move.\n',
  );
  process.exit(INTERRUPTED);
});

// The reader of our output may leave early (`trib call ... | head`); that is its right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(1);
});

process.exitCode = await runTrib(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  isTty: process.stdout.isTTY === true,
});
// A pipe that nobody closes on the other side must not keep the process.
process.stdin.unref?.();
