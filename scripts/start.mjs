import { build, install, root } from './setup.mjs';

install();
build();
const { runLocalCluster } = await import(`${root}/dist/trib/local/main.js`);
process.exitCode = await runLocalCluster(process.argv.slice(2), { root });
