import type { ContentSink, ContentSource } from "../http/content.ts";

/**
 * The client's content as an upstream gets it where `onError` may want to send it to another: an upstream that fails
 * before it has read anything (a refused connection, a full queue) gives the content back untouched.
 */
export class LentContent implements ContentSource {
  readonly length: number | undefined;
  readonly bytes = undefined;
  readonly #source: ContentSource;
  #state: "lent" | "opened" | "returned" = "lent";

  constructor(source: ContentSource) {
    this.length = source.length;
    this.#source = source;
  }

  /** Takes the content back: the borrower can no longer open it. False if it has, and the content is gone. */
  takeBack(): boolean {
    if (this.#state === "lent") this.#state = "returned";
    return this.#state === "returned";
  }

  open(sink: ContentSink): void {
    if (this.#state !== "lent") return;
    this.#state = "opened";
    this.#source.open(sink);
  }

  pause(): void {
    if (this.#state === "opened") this.#source.pause();
  }

  resume(): void {
    if (this.#state === "opened") this.#source.resume();
  }

  /** Before `open`, the borrower's word that it does not want the content; another may. */
  cancel(): void {
    if (this.#state === "opened") this.#source.cancel();
    else this.#state = "returned";
  }
}
