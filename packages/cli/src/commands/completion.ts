/** `millrace completion bash|zsh|fish`: the script that makes a shell complete commands and options. */
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

export function addCompletionCommand(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
}
