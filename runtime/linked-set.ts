/**
 * A set of objects that are in it for the time of one request or one connection: a list whose links lie in its members.
 *
 * Not a Set. V8 gives a Set a new table each time its slots are used up, and the old table keeps what was in it and
 * leads to the new one. One such table that the garbage collector has moved to the old generation keeps all that come
 * after it, and every request that was under way when one was replaced, until a full collection: a quarter of what
 * requests allocate was copied for nothing.
 */
export interface Linked {
  previousLinked: this | null;
  nextLinked: this | null;
}

/** In order of arrival. */
export class LinkedSet<T extends Linked> {
  size = 0;
  first: T | null = null;
  #last: T | null = null;

  /** Behind all others. It must not be in a set. */
  add(member: T): void {
    const last = this.#last;
    member.previousLinked = last;
    if (last === null) this.first = member;
    else last.nextLinked = member;
    this.#last = member;
    this.size += 1;
  }

  /** Before all others. It must not be in a set. */
  addFirst(member: T): void {
    const { first } = this;
    member.nextLinked = first;
    if (first === null) this.#last = member;
    else first.previousLinked = member;
    this.first = member;
    this.size += 1;
  }

  /** False if it is in none. */
  delete(member: T): boolean {
    const { previousLinked: previous, nextLinked: next } = member;
    if (previous !== null) previous.nextLinked = next;
    else if (this.first === member) this.first = next;
    else return false;
    if (next !== null) next.previousLinked = previous;
    else this.#last = previous;
    // A member that is gone must not lead to those that stay.
    member.previousLinked = null;
    member.nextLinked = null;
    this.size -= 1;
    return true;
  }

  /** Those that are in it now: what happens to them meanwhile does no harm. */
  toArray(): T[] {
    const members: T[] = [];
    for (let at = this.first; at !== null; at = at.nextLinked) members.push(at);
    return members;
  }
}
