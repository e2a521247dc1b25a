import { build, install } from './setup.mjs';

install();
build({ clean: process.argv.includes('--clean') });
