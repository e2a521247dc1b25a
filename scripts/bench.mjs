import { build, install, root } from './setup.mjs';

install();
build();
const { main } = await import(`${root}/bench/main.mjs`);
process.exitCode = await main(process.argv.slice(2), root);
