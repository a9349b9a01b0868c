/**
 * The memory of one fetch reply, shared by the chunks in it. It goes back to be used for another reply when everybody who
 * held it has let go; when somebody never does, it is collected like any other.
 *
 * Who gives records away cannot know who keeps them: so nobody lets go of a chunk's memory but the program, which says
 * so with `ConsumerBatch.release`.
 */
export class ReplyMemory {
  readonly #giveBack: () => void;
  /** Who received the reply, and each chunk. */
  #holders = 1;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  /** The part of one chunk. */
  share(): ChunkMemory {
    this.#holders += 1;
    return new ChunkMemory(this);
  }

  letGo(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#giveBack();
  }
}

export class ChunkMemory {
  readonly #reply: ReplyMemory;
  #isReleased = false;

  constructor(reply: ReplyMemory) {
    this.#reply = reply;
  }

  /** What lies there now may belong to another reply. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Nobody looks at the chunk's bytes any more. Does nothing the second time. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#reply.letGo();
  }
}
