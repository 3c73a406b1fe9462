/**
 * Breaking text into lines.
 *
 * @module
 */

/**
 * Breaks at spaces; a word that is longer than a line stands alone.
 *
 * @param width most columns of a line, its indent included
 */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length > indent.length && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += (line.length > indent.length ? " " : "") + word;
  }
  return [...lines, line];
}
