/** Our server does what the recorded specs say. */
import { describe, it } from 'vitest';
import { startShoal } from '../support/shoal.js';
import { describeSpecs } from './harness/suite.js';

const only = process.env.SHOAL_SPEC_TARGET;

if (only !== undefined && only !== 'shoal') {
  describe.skip('specs against shoal-server [SHOAL_SPEC_TARGET asks for the other half]', () =>
    it.skip('is skipped', () => {}));
} else {
  describeSpecs({ name: 'shoal-server', start: startShoal });
}
