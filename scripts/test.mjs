import { build, install, root, run } from './setup.mjs';

install();
build();
run(process.execPath, [`${root}/node_modules/vitest/vitest.mjs`, 'run', ...process.argv.slice(2)]);
