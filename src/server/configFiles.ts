/** The file system as the configuration reader sees it. */
import fs from 'node:fs';
import path from 'node:path';
import type { ChangeDirectory } from '../config/directive.js';
import type { ReaderHost } from '../config/reader.js';
import type { CommandTable } from '../exec/commandTable.js';
import { errorText } from '../persistence/io/fileSystem.js';

/** `dir`: must be a directory that can be entered. */
export const changeDirectory: ChangeDirectory = (current, target) => {
  const absolute = path.resolve(current, target);
  try {
    if (!fs.statSync(absolute).isDirectory()) return { ok: false, error: 'Not a directory' };
    fs.accessSync(absolute, fs.constants.X_OK);
    return { ok: true, path: absolute };
  } catch (error) {
    return { ok: false, error: errorText(error) };
  }
};

/** Reads files relative to `directory` (which `dir` may change on the way), and renames commands in `commands`. */
export function configReaderHost(commands: CommandTable, directory: () => string): ReaderHost {
  return {
    readFile(file) {
      try {
        return { ok: true, text: fs.readFileSync(path.resolve(directory(), file), 'latin1') };
      } catch (error) {
        return { ok: false, error: errorText(error) };
      }
    },
    glob: (pattern) => expandGlob(path.resolve(directory(), pattern)),
    checkLogFile(file) {
      try {
        fs.closeSync(fs.openSync(path.resolve(directory(), file), 'a'));
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
    renameCommand(from, to) {
      if (!commands.has(from)) return 'No such command in rename-command';
      // The old name is free again before the new one is looked at: only the letter case may change.
      const taken = to !== '' && to.toLowerCase() !== from.toLowerCase() && commands.has(to);
      if (taken) return 'Target command name already exists';
      commands.rename(from, to);
      return undefined;
    },
    addUser: () => "ACL users are not supported yet: protect the server with 'requirepass'",
  };
}

/** The files that an absolute pattern matches, in order. `*`, `?` and `[...]` work within each part of the path. */
function expandGlob(pattern: string): string[] {
  let found = ['/'];
  for (const part of pattern.split('/').filter((each) => each !== '')) {
    if (!/[*?[]/.test(part)) {
      found = found.map((parent) => path.join(parent, part)).filter((file) => fs.existsSync(file));
      continue;
    }
    const expression = globExpression(part);
    found = found.flatMap((parent) =>
      listDirectory(parent)
        .filter((name) => expression.test(name) && (part.startsWith('.') || !name.startsWith('.')))
        .map((name) => path.join(parent, name)),
    );
  }
  return found.sort();
}

function listDirectory(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function globExpression(part: string): RegExp {
  const source = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
    .replace(/\[!/g, '[^');
  return new RegExp(`^${source}$`);
}
