import type { ProxyResponse, TransformFunction } from "@gatewright/sdk";

import type { ContentSource } from "../../../../runtime/http/content.ts";
import type { RequestState } from "../../../../runtime/pipeline/facade/request-state.ts";
import type { ResponseState } from "../../../../runtime/pipeline/facade/response-state.ts";
import type { ReplayBuffer } from "../../../../runtime/primitives/content-buffer/content-buffer.ts";
import {
  createRequestBuffer,
  type RequestBuffer,
} from "../../../../runtime/primitives/content-buffer/request-buffer.ts";
import { contentStore } from "../../../helpers/content-store.ts";

/** A request for facade tests: its field list is frozen until somebody owns it. */
export class FakeRequest implements RequestState {
  method = "GET";
  scheme: "http" | "https" = "https";
  authority = "Shop.Test:8443";
  rawPath = "/a%7Eb";
  rawSearch = "?q=1&q=2";
  normalizedPath = "/a~b";
  protocol = "HTTP/1.1" as const;
  newPath: string | undefined = undefined;
  newSearch: string | undefined = undefined;
  newHost: string | undefined = undefined;
  content: ContentSource | undefined = undefined;
  buffer: RequestBuffer | undefined = undefined;
  contentReplaced = false;
  contentSpent = false;
  signalsMade = 0;
  copies = 0;
  #fields: readonly string[];
  #owned: string[] | undefined;

  constructor(fields: string[] = ["Host", "Shop.Test:8443", "X-A", "1"]) {
    this.#fields = Object.freeze(fields);
  }

  bufferContent(content: ContentSource): RequestBuffer {
    const limits = { memoryBytes: 1000, maxBytes: 10_000 };
    return createRequestBuffer(content, limits, contentStore(), "192.0.2.1");
  }

  get fields(): readonly string[] {
    return this.#owned ?? this.#fields;
  }

  ownFields(): string[] {
    if (this.#owned === undefined) {
      this.copies++;
      this.#owned = [...this.#fields];
    }
    return this.#owned;
  }

  get signal(): AbortSignal {
    this.signalsMade++;
    return new AbortController().signal;
  }
}

export class FakeResponse implements ResponseState {
  status = 200;
  source: ProxyResponse["source"] = "upstream";
  forHead = false;
  content: ContentSource | undefined;
  buffer: ReplayBuffer | undefined = undefined;
  contentReplaced = false;
  contentSpent = false;
  transforms: TransformFunction[] | undefined = undefined;
  responseContentMemory = 1000;
  fields: string[];

  constructor(content?: ContentSource, fields: string[] = []) {
    this.content = content;
    this.fields = fields;
  }

  ownFields(): string[] {
    return this.fields;
  }
}
