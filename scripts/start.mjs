import { build, install, root } from './setup.mjs';

install();
build();
const { runProcess } = await import(`${root}/dist/trib/run-process.js`);
await runProcess(['up', '--dir', `${root}/.data`, ...process.argv.slice(2)]);
