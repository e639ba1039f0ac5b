import { Argument, type Command } from 'commander'
import { newCommand } from '../command.ts'

type Shell = 'bash' | 'zsh' | 'fish' | 'powershell'

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish', 'powershell']
const NAME = 'ride-streams'

/** Adds `completion`, and the hidden command that its scripts call at each TAB. All other commands are there already. */
export function addCompletion(program: Command, build: () => Command): Command {
  const script = newCommand('completion', 'print a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `\nbash: eval "$(${NAME} completion bash)", for example in ~/.bashrc. The command must be on the PATH.`,
    )
    .action(async (shell: Shell) => (await completions(build())).setup(NAME, NAME, shell))
  const answer = newCommand('complete', 'what completes a command line')
    .argument('[words...]')
    .action(async (words: string[]) => (await completions(build())).parse(words))
  return program.addCommand(script).addCommand(answer, { hidden: true })
}

/** The library adds commands of its own names: so it gets a program without ours. */
async function completions(program: Command) {
  const { default: tab } = await import('@bomb.sh/tab/commander')
  return tab(program)
}
