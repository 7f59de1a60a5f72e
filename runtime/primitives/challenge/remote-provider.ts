import type { ChallengeFacts, ChallengePresentation, ChallengeProvider } from "@gatewright/sdk";

import { escapeHtml } from "../../http/problem.ts";

/** Sends a form and returns the JSON that came back. Throws if there is none in time. */
export type PostForm = (url: string, form: URLSearchParams) => Promise<unknown>;

interface RemoteService {
  readonly script: string;
  readonly verify: string;
  readonly element: string;
  readonly field: string;
  readonly sources: readonly string[];
}

/** As the services' own pages describe them. */
const SERVICES: Readonly<Record<"turnstile" | "hcaptcha" | "recaptcha", RemoteService>> = {
  turnstile: {
    script: "https://challenges.cloudflare.com/turnstile/v0/api.js",
    verify: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    element: "cf-turnstile",
    field: "cf-turnstile-response",
    sources: ["https://challenges.cloudflare.com"],
  },
  hcaptcha: {
    script: "https://js.hcaptcha.com/1/api.js",
    verify: "https://api.hcaptcha.com/siteverify",
    element: "h-captcha",
    field: "h-captcha-response",
    sources: ["https://hcaptcha.com", "https://*.hcaptcha.com"],
  },
  recaptcha: {
    script: "https://www.google.com/recaptcha/api.js",
    verify: "https://www.google.com/recaptcha/api/siteverify",
    element: "g-recaptcha",
    field: "g-recaptcha-response",
    sources: [
      "https://www.google.com/recaptcha/",
      "https://www.gstatic.com/recaptcha/",
      "https://recaptcha.google.com/recaptcha/",
    ],
  },
};

export interface RemoteOptions {
  readonly type: "turnstile" | "hcaptcha" | "recaptcha";
  readonly siteKey: string;
  readonly secretKey: string;
  readonly verifyUrl: string | undefined;
  readonly scriptUrl: string | undefined;
  readonly post: PostForm;
}

const LONGEST_ANSWER = 8192;

/** A service that shows its own element in the page and says afterwards whether an answer is good. */
export class RemoteProvider implements ChallengeProvider {
  readonly name: string;
  readonly #options: RemoteOptions;
  readonly #service: RemoteService;

  constructor(options: RemoteOptions) {
    this.name = options.type;
    this.#options = options;
    this.#service = SERVICES[options.type];
  }

  present({ language }: ChallengeFacts): ChallengePresentation {
    const { siteKey, scriptUrl } = this.#options;
    const { element, script, sources } = this.#service;
    const html = `<div class="${element}" data-sitekey="${escapeHtml(siteKey)}" data-callback="gatewrightSolved" data-language="${escapeHtml(language)}"></div>`;
    const own = scriptUrl === undefined ? [] : [new URL(scriptUrl).origin];
    return { html, scripts: [scriptUrl ?? script], sources: [...sources, ...own] };
  }

  async verify(form: URLSearchParams, { clientAddress }: ChallengeFacts): Promise<boolean> {
    const response = form.get(this.#service.field) ?? "";
    if (response === "" || response.length > LONGEST_ANSWER) return false;
    const { secretKey, verifyUrl, post } = this.#options;
    const reply = await post(
      verifyUrl ?? this.#service.verify,
      new URLSearchParams({ secret: secretKey, response, remoteip: clientAddress }),
    );
    return (reply as { success?: unknown } | null)?.success === true;
  }
}
