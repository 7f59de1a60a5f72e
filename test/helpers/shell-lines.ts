/** Enough of a shell to look at the commands of a page: what they are and what they are given. Nothing is run. */

const SUBSTITUTION = /\$\((.*?)\)/g;

/** Words of each command, in order. Substitutions, pipes and loops are split where a command may begin. */
export function toCommands(code: string): string[][] {
  return code
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .flatMap(commandsOf)
    .map(withoutAssignments)
    .filter((words) => words.length > 0);
}

function commandsOf(line: string): string[][] {
  const commands: string[][] = [[]];
  const inside: string[][] = [];
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) commands.at(-1)?.push(word);
    word = undefined;
  };
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (character === "'" || character === '"') {
      const end = line.indexOf(character, at + 1);
      if (end < 0) throw new Error(`a quote without its end: ${line}`);
      const quoted = line.slice(at + 1, end);
      word = (word ?? "") + quoted;
      at = end;
      if (character === '"') {
        for (const [, inner = ""] of quoted.matchAll(SUBSTITUTION))
          inside.push(...commandsOf(inner));
      }
    } else if (line.startsWith("$(", at)) {
      // What it prints is a word; nothing here asks which.
      const [whole = "$(", inner = ""] = /^\$\((.*?)\)/.exec(line.slice(at)) ?? [];
      inside.push(...commandsOf(inner));
      word = (word ?? "") + "…";
      at += whole.length - 1;
    } else if (character === "#" && word === undefined) {
      break;
    } else if (/\s/.test(character)) {
      endWord();
    } else if (/[;&|]/.test(character)) {
      endWord();
      commands.push([]);
    } else {
      word = (word ?? "") + character;
    }
  }
  endWord();
  return [...commands, ...inside];
}

/** `A=1 command`, and words of the shell before a command. */
function withoutAssignments(words: string[]): string[] {
  const start = words.findIndex(
    (word) => !/^\w+=/.test(word) && !["do", "done", "export", "sudo"].includes(word),
  );
  return start < 0 || words[0] === "for" ? [] : words.slice(start);
}
