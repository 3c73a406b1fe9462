/**
 * Metadata of single paths, asked for together: what is wanted in one turn goes in one call.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter } from "../core/entry_block.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";

/** Most paths of one call. */
const MOST_PATHS = 4096;

interface Question {
  readonly paths: readonly RelPath[];
  readonly answer: PromiseWithResolvers<EntryBlock>;
}

/** Collects questions and puts them together. */
export class RemoteStat {
  readonly #ask: (paths: readonly RelPath[]) => Promise<EntryBlock>;
  #waiting: Question[] = [];

  /** @param ask puts one question of up to 4,096 paths */
  constructor(ask: (paths: readonly RelPath[]) => Promise<EntryBlock>) {
    this.#ask = ask;
  }

  /** See `Tree.stat`. */
  async stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    if (paths.length === 0) return new EntryBlock(new EntryBlockWriter(1).finish());
    if (paths.length > MOST_PATHS) return await this.#parts(paths);
    const question = { paths, answer: Promise.withResolvers<EntryBlock>() };
    this.#waiting.push(question);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    return await question.answer.promise;
  }

  async #parts(paths: readonly RelPath[]): Promise<EntryBlock> {
    const writer = new EntryBlockWriter(paths.length);
    for (let at = 0; at < paths.length; at += MOST_PATHS) {
      const block = await this.stat(paths.slice(at, at + MOST_PATHS));
      for (let i = 0; i < block.count; i++) writer.copy(block, i);
    }
    return new EntryBlock(writer.finish());
  }

  #flush(): void {
    let group: Question[] = [];
    let count = 0;
    for (const question of this.#waiting.splice(0)) {
      if (count + question.paths.length > MOST_PATHS) {
        this.#put(group);
        group = [];
        count = 0;
      }
      group.push(question);
      count += question.paths.length;
    }
    this.#put(group);
  }

  async #put(questions: readonly Question[]): Promise<void> {
    try {
      const block = await this.#ask(questions.flatMap(({ paths }) => paths));
      if (questions.length === 1) return questions[0].answer.resolve(block);
      let at = 0;
      for (const { paths, answer } of questions) {
        const writer = new EntryBlockWriter(paths.length);
        for (let i = 0; i < paths.length; i++) {
          writer.copy(block, at++, nameToBytes(paths[i]));
        }
        answer.resolve(new EntryBlock(writer.finish()));
      }
    } catch (error) {
      for (const { answer } of questions) answer.reject(error);
    }
  }
}
