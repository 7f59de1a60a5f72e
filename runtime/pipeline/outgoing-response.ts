import type { ProxyResponse, TransformFunction } from "@gatewright/sdk";

import type { ContentSource } from "../http/content.ts";
import type { RawFields } from "../http/raw-fields.ts";
import type { CodedVariants } from "../primitives/compress/coded-variants.ts";
import type { ReplayBuffer } from "../primitives/content-buffer/content-buffer.ts";
import type { ResponseState } from "./facade/response-state.ts";

/** A response on its way to the client: an upstream's, a hook's, a route's or an error answer. Hooks edit it in place. */
export class OutgoingResponse implements ResponseState {
  status: number;
  readonly source: ProxyResponse["source"];
  readonly forHead: boolean;
  readonly responseContentMemory: number;
  content: ContentSource | undefined;
  buffer: ReplayBuffer | undefined = undefined;
  contentReplaced = false;
  contentSpent = false;
  transforms: TransformFunction[] | undefined = undefined;
  /** Of a stored content: its coded forms. */
  variants: CodedVariants | undefined = undefined;
  readonly #fields: RawFields;

  constructor(
    status: number,
    fields: RawFields,
    content: ContentSource | undefined,
    source: ProxyResponse["source"],
    forHead: boolean,
    responseContentMemory: number,
  ) {
    this.status = status;
    this.#fields = fields;
    this.content = content;
    this.source = source;
    this.forHead = forHead;
    this.responseContentMemory = responseContentMemory;
  }

  get fields(): RawFields {
    return this.#fields;
  }

  /** The list was made for this response: nobody else holds it. */
  ownFields(): RawFields {
    return this.#fields;
  }
}
