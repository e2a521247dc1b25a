/**
 * Data that modules of Redis left in a file. Since Redis 5 it says of each element what it is, so that it can be read over by
 * somebody who does not have the module:
 *
 *   | mark | element | mark | element | ... | 0 |        marks and integers are written as lengths
 */
import * as file from './rdbFileFormat.js';
import type { RdbInput, RdbString } from './rdbInput.js';

const FLOAT_BYTES = 4;
const DOUBLE_BYTES = 8;

/** Steps over all elements; false, and a failure of the input, when they are not whole. `text` is written over. */
export function skipModuleValue(input: RdbInput, text: RdbString): boolean {
  while (!input.failed) {
    switch (input.number()) {
      case file.MODULE_END:
        return !input.failed;
      case file.MODULE_SINT:
      case file.MODULE_UINT:
        input.count64();
        break;
      case file.MODULE_FLOAT:
        input.raw(FLOAT_BYTES, text);
        break;
      case file.MODULE_DOUBLE:
        input.raw(DOUBLE_BYTES, text);
        break;
      case file.MODULE_STRING:
        input.string(text);
        break;
      default:
        input.fail();
    }
  }
  return false;
}
