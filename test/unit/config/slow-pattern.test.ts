import { expect, it } from "vitest";

import { slowText } from "../../../runtime/config/slow-pattern.ts";

it.each([
  /^(a+)+$/,
  /(\w+\s?)*$/,
  /\s+$/,
  /(x|xy)*z/,
  /id=(\d+,?)+;/,
  /.*.*=.*/,
  /[a-z]+@[a-z]+\.test/,
  /<script[^>]*>.*<\/script>/i,
])("%s is found to be slow", (pattern) => {
  expect(slowText(pattern)).toMatch(/again and again/);
});

it.each([
  /^X{3}/,
  /union.{0,40}select/i,
  /(?:\/d\/)+$/,
  /"(?:[^"\\]|\\.){0,200}"/,
  /^[\s\S]{0,500}(a|b)$/,
  /(?:)/,
  /[é-ü]{1,20}\u2028?/u,
])("%s is not", (pattern) => {
  expect(slowText(pattern)).toBeUndefined();
  expect(slowText(pattern)).toBeUndefined();
});
