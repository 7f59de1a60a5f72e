import {
  acceptsCodings,
  chooseCoding,
  parseAcceptEncoding,
  type AcceptedCodings,
} from "../../http/accept-encoding.ts";
import { parseCodings, type Coding } from "../../http/content-codings.ts";
import { mediaTypeEssence } from "../../http/media-type.ts";
import { fieldValue, listValue, type ReadonlyRawFields } from "../../http/raw-fields.ts";
import { forbidsTransform } from "./coded-fields.ts";
import type { TypeTest } from "./compressible-types.ts";

export interface CompressionOptions {
  /** In order of preference. */
  readonly encodings: readonly Coding[];
  /** Shorter content is left alone. */
  readonly minBytes: number;
  readonly levels: Readonly<Record<Coding, number>>;
  readonly shrinks: TypeTest;
  /** Upstreams are asked for plain content. */
  readonly asksIdentity: boolean;
}

/** What to do to the content of one response. */
export interface CodingPlan {
  /** Codings to take off first. */
  readonly decode: readonly Coding[];
  /** The one to apply; `undefined`: none. */
  readonly encode: Coding | undefined;
  /** Another client might get another coding. */
  readonly varies: boolean;
}

const PLAIN: CodingPlan = { decode: [], encode: undefined, varies: false };
const PLAIN_VARIANT: CodingPlan = { decode: [], encode: undefined, varies: true };

/** Clients' Accept-Encoding that are remembered: browsers and libraries write a handful. */
const REMEMBERED = 256;
/** A longer one is not remembered: memory is not for clients to fill. */
const REMEMBERED_LENGTH = 128;

interface Wish {
  readonly accepted: AcceptedCodings;
  readonly coding: Coding | undefined;
}

/** The rules of one route: whether, and with what, content is compressed or made plain. */
export class Compression {
  readonly options: CompressionOptions;
  readonly #wishes = new Map<string, Wish>();
  readonly #types = new Map<string, boolean>();

  constructor(options: CompressionOptions) {
    this.options = options;
  }

  /**
   * For a response with content, or that would have some if it were no HEAD. Not for 206 (its offsets count the bytes
   * that are there, RFC 9110 §14.4) and not for 304: see {@link varies}.
   *
   * A client without Accept-Encoding takes anything (RFC 9110 §12.5.3), so nothing is changed for it; one that names
   * codings and not those that the content has gets it plain, or in one of its own.
   */
  plan(
    request: ReadonlyRawFields,
    response: ReadonlyRawFields,
    length: number | undefined,
  ): CodingPlan {
    const contentEncoding = listValue(response, "content-encoding");
    const codings = contentEncoding === undefined ? [] : parseCodings(contentEncoding);
    if (codings === undefined) return PLAIN;
    const isCoded = codings.length > 0;
    const shrinks =
      (isCoded || length === undefined || length >= this.options.minBytes) &&
      this.#shrinks(response);
    if (!shrinks && !isCoded) return PLAIN;
    const acceptEncoding = listValue(request, "accept-encoding");
    if (acceptEncoding === undefined)
      return isCoded ? PLAIN : forbidsTransform(response) ? PLAIN : PLAIN_VARIANT;
    const wish = this.#wishOf(acceptEncoding);
    if (isCoded && acceptsCodings(wish.accepted, codings)) return PLAIN;
    if (forbidsTransform(response)) return PLAIN;
    // The author's word holds for all clients, this one's for itself.
    if (forbidsTransform(request)) return PLAIN_VARIANT;
    const encode = shrinks ? wish.coding : undefined;
    return isCoded || encode !== undefined
      ? { decode: codings, encode, varies: true }
      : PLAIN_VARIANT;
  }

  /** For a 304 or a 206: whether the whole would depend on Accept-Encoding. A 304 need not say what type it is about. */
  varies(response: ReadonlyRawFields): boolean {
    return (
      fieldValue(response, "content-encoding") === undefined &&
      (fieldValue(response, "content-type") === undefined || this.#shrinks(response)) &&
      !forbidsTransform(response)
    );
  }

  #shrinks(response: ReadonlyRawFields): boolean {
    const type = fieldValue(response, "content-type");
    if (type === undefined) return false;
    const known = this.#types.get(type);
    if (known !== undefined) return known;
    const essence = mediaTypeEssence(type);
    const shrinks = essence !== undefined && this.options.shrinks(essence);
    remember(this.#types, type, shrinks);
    return shrinks;
  }

  #wishOf(acceptEncoding: string): Wish {
    const known = this.#wishes.get(acceptEncoding);
    if (known !== undefined) return known;
    const accepted = parseAcceptEncoding(acceptEncoding);
    const wish = { accepted, coding: chooseCoding(accepted, this.options.encodings) };
    remember(this.#wishes, acceptEncoding, wish);
    return wish;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size < REMEMBERED && key.length <= REMEMBERED_LENGTH) map.set(key, value);
}
