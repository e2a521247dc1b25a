/** Nothing changes before the plan is shown and accepted. */
import type { Terminal } from './terminal.js';

/** The options of every command that changes something. */
export interface ChangeOptions {
  /** Accept the plan without asking. */
  readonly yes: boolean;
  /** Show the plan and stop. */
  readonly dryRun: boolean;
}

export type Consent = 'go' | 'dry run' | 'refused';

/** Asks whether the plan that has been printed is to be carried out. */
export async function askConsent(terminal: Terminal, question: string, options: ChangeOptions): Promise<Consent> {
  if (options.dryRun) {
    terminal.print('>>> Dry run: nothing was changed');
    terminal.report({ changed: false });
    return 'dry run';
  }
  if (!options.yes) {
    const accepted = await terminal.confirm(question);
    if (accepted === undefined) {
      terminal.print('[ERR] There is no terminal to ask on and no answer on standard input: accept with --yes.');
    }
    if (accepted !== true) {
      terminal.print('*** Aborting...');
      terminal.report({ changed: false });
      return 'refused';
    }
  }
  terminal.report({ changed: true });
  return 'go';
}
