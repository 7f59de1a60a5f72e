import type { HeaderFields } from "@gatewright/sdk";

import {
  appendField,
  fieldValues,
  hasField,
  isNamed,
  removeField,
  setField,
} from "../../http/raw-fields.ts";
import { fieldValueText, lowered, lowerName, settableName } from "./field-checks.ts";
import { hookTypeError } from "./field-error.ts";
import { authorityText } from "./target-text.ts";
import type { FieldOwner } from "./request-state.ts";

/** Where the request facade learns of a new Host. */
export interface HostOwner {
  newHost: string | undefined;
}

/**
 * A message's fields for hooks: reads and writes go to the owner's list in place. The list is copied by its owner before
 * the first write, never for a read.
 */
export class HeaderFieldsFacade implements HeaderFields {
  readonly #owner: FieldOwner;
  /** Set for requests: their `Host` decides what the upstream sees, so it is told apart from other fields. */
  readonly #host: HostOwner | undefined;

  constructor(owner: FieldOwner, host?: HostOwner) {
    this.#owner = owner;
    this.#host = host;
  }

  get(name: string): string | null {
    const fields = this.#owner.fields;
    const lower = lowered(name);
    let value: string | null = null;
    for (let at = 0; at < fields.length; at += 2) {
      if (!isNamed(fields[at] as string, lower)) continue;
      const line = fields[at + 1] as string;
      // RFC 6265 §5.4: the parts of Cookie are joined by "; " (HTTP/2 splits them, RFC 9113 §8.2.3); all others by ", ".
      value = value === null ? line : value + (lower === "cookie" ? "; " : ", ") + line;
    }
    return value;
  }

  getAll(name: string): string[] {
    return fieldValues(this.#owner.fields, lowered(name));
  }

  getSetCookie(): string[] {
    return this.getAll("set-cookie");
  }

  has(name: string): boolean {
    return hasField(this.#owner.fields, lowered(name));
  }

  set(name: string, value: string | number): void {
    const lower = settableName(name);
    const text = fieldValueText(name, value);
    if (lower === "host" && this.#host !== undefined) this.#host.newHost = authorityText(text);
    setField(this.#owner.ownFields(), name, text, lower);
  }

  append(name: string, value: string | number): void {
    const lower = settableName(name);
    const text = fieldValueText(name, value);
    if (lower === "host") {
      // RFC 9112 §3.2: a request with two Host fields must be refused by whoever gets it.
      throw hookTypeError("PROXY_HOOK_FIELD", 'field "host" cannot be appended to: use set');
    }
    appendField(this.#owner.ownFields(), name, text);
  }

  delete(name: string): void {
    const lower = lowerName(name);
    if (!hasField(this.#owner.fields, lower)) return;
    if (lower === "host" && this.#host !== undefined) {
      throw hookTypeError(
        "PROXY_HOOK_FIELD",
        'field "host" cannot be deleted: every request needs one',
      );
    }
    removeField(this.#owner.ownFields(), lower);
  }

  entries(): IterableIterator<[name: string, value: string]> {
    // A snapshot: a loop that deletes what it visits must not skip lines.
    const fields = this.#owner.fields;
    const pairs: [string, string][] = [];
    for (let at = 0; at < fields.length; at += 2) {
      pairs.push([fields[at] as string, fields[at + 1] as string]);
    }
    return pairs.values();
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }

  toWeb(): Headers {
    const headers = new Headers();
    const fields = this.#owner.fields;
    for (let at = 0; at < fields.length; at += 2) {
      headers.append(fields[at] as string, fields[at + 1] as string);
    }
    return headers;
  }
}
