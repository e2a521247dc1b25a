/** Another file, so that another core can have them. */
import { testSeeds } from './seeds.js';

testSeeds(101, 100);
