import { isDigitCode } from "./characters.ts";
import {
  commentCuts,
  comparison,
  cutOff,
  kindAt,
  operand,
  operandIsSql,
  operandKind,
  textAt,
  tokens,
  touches,
  wordAt,
} from "./sql-grammar.ts";
import { namedFrom } from "./sql-quote.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CAST,
  CATALOGUE,
  CLAUSE,
  CLOSE,
  COMMA,
  COMMENT,
  COMMON_FUNCTIONS,
  COMPARE,
  DOT_MARK,
  EDGE,
  FROM,
  LOGIC,
  NUMBER,
  OPEN,
  QUOTE_MARK,
  SELECT,
  SEMICOLON_MARK,
  WORD,
  WORD_COMPARE,
} from "./sql-words.ts";

// Clauses, calls, casts and numbers that only SQL writes so.

export function clause(index: number): string | undefined {
  const before = kindAt(index - 1);
  const word = wordAt(index);
  if (
    word === "into" &&
    (wordAt(index + 1) === "outfile" || wordAt(index + 1) === "dumpfile") &&
    (kindAt(index + 2) === QUOTE_MARK || kindAt(index + 2) === NUMBER)
  )
    return "into-outfile";
  if (word === "procedure" && wordAt(index + 1) === "analyse" && kindAt(index + 2) === OPEN)
    return "procedure-analyse";
  if (word === "having" && before !== WORD) {
    const after = operand(index + 1);
    if (after > 0 && (operandKind === NUMBER || operandKind === QUOTE_MARK) && comparison(after))
      return "having";
  }
  if (word === "group" && wordAt(index + 1) === "by") {
    for (let at = index + 2; at < Math.min(tokens.count, index + 24); at++) {
      if (wordAt(at) !== "having") continue;
      const after = operand(at + 1);
      if (after > 0 && (comparison(after) || (operandIsSql && touches(at + 1))))
        return "group-having";
    }
  }
  if (word === "case" && wordAt(index + 1) === "when") {
    const after = operand(index + 2);
    if (after > 0 && (comparison(after) || wordAt(after) === "then")) return "case-when";
  }
  if (
    (word === "limit" || word === "order" || word === "group") &&
    (before === NUMBER || before === CLOSE || before === COMMENT)
  ) {
    if (word !== "limit") {
      if (wordAt(index + 1) !== "by") return undefined;
      let at = index + 2;
      if (kindAt(at) === OPEN) at++;
      if (
        kindAt(at) === NUMBER &&
        (kindAt(at + 1) === EDGE ||
          kindAt(at + 1) === COMMA ||
          kindAt(at + 1) === CLOSE ||
          cutOff(at + 1) ||
          kindAt(at + 1) === CLAUSE ||
          (/^(?:asc|desc)$/.test(wordAt(at + 1)) &&
            (kindAt(at + 2) === COMMA || kindAt(at + 2) === EDGE || cutOff(at + 2))))
      )
        return "order-by";
      return undefined;
    }
    return kindAt(index + 1) === NUMBER &&
      (cutOff(index + 2) || wordAt(index + 2) === "procedure" || wordAt(index + 2) === "into")
      ? "limit"
      : undefined;
  }
  return undefined;
}

export function afterNumber(index: number): string | undefined {
  const next = kindAt(index + 1);
  // 1.e(ascii…: a number MySQL reads as empty
  if (!isDigitCode(tokens.value.charCodeAt(tokens.end[index]! - 1))) {
    const text = textAt(index);
    if (/^\d+\.e$/i.test(text) && (next === OPEN || next === DOT_MARK)) return "empty-exponent";
    if (/^\d+\.e\.[a-z_]+$/i.test(text)) return "empty-exponent";
  }
  if (next === ARITHMETIC) {
    const at = index + 2;
    if (kindAt(at) === OPEN && kindAt(at + 1) === SELECT) return "numeric-subquery";
    if (kindAt(at) === WORD && kindAt(at + 1) === OPEN) {
      const name = wordAt(at);
      if (ATTACK_FUNCTIONS.has(name) || (name === "sleep" && kindAt(at + 2) === NUMBER))
        return "numeric-call";
      if (
        name === "if" &&
        kindAt(at + 2) !== EDGE &&
        operand(at + 2) > 0 &&
        comparison(operand(at + 2))
      )
        return "numeric-call";
    }
  }
  if (next === WORD_COMPARE && kindAt(index + 2) === OPEN && kindAt(index + 3) === SELECT)
    return "numeric-subquery";
  // 12 AS "name" FROM t
  if (
    index === 1 &&
    wordAt(index + 1) === "as" &&
    kindAt(index + 2) === QUOTE_MARK &&
    namedFrom(index + 2)
  )
    return "numeric-alias";
  return undefined;
}

export function afterClose(index: number): string | undefined {
  // "1) or (", "1)) --": handled from the operator; here ")like("
  if (
    kindAt(index + 1) === WORD_COMPARE &&
    wordAt(index + 1) === "like" &&
    kindAt(index + 2) === OPEN &&
    kindAt(index - 1) !== WORD
  )
    return "like-parentheses";
  if (
    kindAt(index + 1) === COMMENT &&
    index <= 8 &&
    kindAt(index - 1) === NUMBER &&
    kindAt(index - 2) === EDGE
  ) {
    return commentCuts(index + 1) && kindAt(index + 2) === EDGE ? "close-comment" : undefined;
  }
  return undefined;
}

export function wordSign(index: number): string | undefined {
  const next = kindAt(index + 1);
  if (next !== OPEN && !mayTell(index)) return undefined;
  const word = wordAt(index);
  if (word === "") return undefined;
  if (next === OPEN) return call(index, word);
  if (CATALOGUE.has(word) && (word.includes("_") || /^(?:sys|rdb|msys|v\$)/.test(word))) {
    if (
      next === DOT_MARK &&
      // sysusers.d: a directory
      ((kindAt(index + 2) === WORD && textAt(index + 2).length > 1) ||
        kindAt(index - 1) === FROM) &&
      kindAt(index - 2) !== WORD
    )
      return "catalogue";
    if (kindAt(index - 1) === EDGE && next === EDGE && word.length > 9) return "catalogue";
    if (kindAt(index - 1) === QUOTE_MARK && kindAt(index - 2) === FROM) return "catalogue";
  }
  if (
    (word.startsWith("xp_") || word === "sp_password") &&
    (word === "xp_cmdshell" || word === "xp_dirtree" || word === "xp_regread")
  ) {
    return next === QUOTE_MARK || next === EDGE || next === NUMBER || kindAt(index - 1) === DOT_MARK
      ? "extended-procedure"
      : undefined;
  }
  return undefined;
}

/** Whether a word may be one that tells without a call: all of those begin so, or have an underscore. */
function mayTell(index: number): boolean {
  const { value } = tokens;
  const start = tokens.start[index]!;
  const second = value.charCodeAt(start + 1) | 0x20;
  switch (value.charCodeAt(start) | 0x20) {
    case 0x73: // sys
      if (second === 0x79) return true;
      break;
    case 0x72: // rdb
      if (second === 0x64) return true;
      break;
    case 0x6d: // msys
      if (second === 0x73) return true;
      break;
    case 0x76: // v$
      if (second === 0x24) return true;
      break;
    default:
  }
  const end = tokens.end[index]!;
  for (let at = start; at < end; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x5f || code >= 0x80) return true;
  }
  return false;
}

function call(index: number, word: string): string | undefined {
  const before = kindAt(index - 1);
  const first = kindAt(index + 2);
  // "database(" and nothing else: the rest of the call is the application's
  if (first === EDGE && index === 1 && (ATTACK_FUNCTIONS.has(word) || COMMON_FUNCTIONS.has(word)))
    return "open-call";
  if (word === "sleep") {
    // time.sleep(5), await sleep(5): other languages
    if (before === DOT_MARK || before === WORD || first === EDGE) return undefined;
    if (
      before === EDGE ||
      before === OPEN ||
      before === COMMA ||
      before === QUOTE_MARK ||
      before === LOGIC ||
      before === ARITHMETIC ||
      before === SELECT ||
      before === NUMBER ||
      before === COMPARE ||
      before === SEMICOLON_MARK ||
      /^(?:rlike|regexp|ilike|having)$/.test(wordAt(index - 1)) ||
      (wordAt(index - 1) === "by" && /^(?:order|group)$/.test(wordAt(index - 2)))
    ) {
      // "Sleep (8 h)"
      if (first === NUMBER && (kindAt(index + 3) === WORD || isMeasure(index + 2)))
        return undefined;
      if (first === NUMBER && kindAt(index + 3) === CLOSE && isSentence(index)) return undefined;
      return first === NUMBER || first === OPEN || first === QUOTE_MARK || first === ARITHMETIC
        ? "sleep"
        : undefined;
    }
    return undefined;
  }
  if (before === DOT_MARK && !/^(?:xp_|sp_|fn_|sys|dbms_|get_host)/.test(word)) return undefined;
  if ((word === "if" || word === "iif") && operand(index + 2) > 0) {
    const after = operand(index + 2);
    // if(now()=sysdate(),sleep(12),0)
    if (kindAt(after) === COMPARE) {
      if (kindAt(index + 2) === NUMBER && before !== WORD) return "if-call";
      for (let at = after; at < Math.min(tokens.count, after + 12); at++)
        if (wordAt(at) === "sleep" || ATTACK_FUNCTIONS.has(wordAt(at))) return "if-call";
    }
    return undefined;
  }
  if (!ATTACK_FUNCTIONS.has(word)) return undefined;
  if (
    !touches(index) &&
    !word.includes("_") &&
    !(word === "benchmark" && first === NUMBER && kindAt(index + 3) !== CLOSE) &&
    word !== "extractvalue" &&
    word !== "updatexml"
  )
    return undefined;
  if (isShape(index + 2)) return undefined;
  // "polygon (", "elt(": words and names of other worlds; only with what SQL would put there
  if (!word.includes("_") && before === WORD) return undefined;
  if (
    /^(?:elt|polygon|dblink|linestring|multipoint|unhex|listagg|row_count|quotename|ifnull)$/.test(
      word,
    )
  ) {
    return first === QUOTE_MARK ||
      first === OPEN ||
      first === NUMBER ||
      first === WORD ||
      first === SELECT
      ? "call"
      : undefined;
  }
  return "call";
}

// 8h, 500ml
function isMeasure(index: number): boolean {
  return /^\d[\d.]*[a-df-wyz][a-z]{0,4}$/i.test(textAt(index));
}

// "sleep (7) hours", sleep(7) hours more: one word behind a call is a name for it, where nothing stands between
function isSentence(name: number): boolean {
  return kindAt(name + 4) === WORD && (kindAt(name + 5) === WORD || !touches(name));
}

// POLYGON((0 0,0 1.5)): a shape as maps write it
function isShape(index: number): boolean {
  let at = index;
  while (at < index + 3 && kindAt(at) === OPEN) at++;
  if (kindAt(at) === ARITHMETIC) at++;
  if (kindAt(at) !== NUMBER) return false;
  at++;
  if (kindAt(at) === ARITHMETIC && textAt(at) === "-") at++;
  return kindAt(at) === NUMBER && !touches(at - 1);
}

// password::int, '{"a":1}'::jsonb
export function cast(index: number): string | undefined {
  const type = wordAt(index + 1);
  if (
    !/^(?:int|integer|int4|int8|bigint|smallint|text|varchar|bool|boolean|numeric|float|float8|double|json|jsonb|xml|bytea|regclass|date|timestamp|char|name|oid)$/.test(
      type,
    )
  )
    return undefined;
  if (!touches(index)) return undefined;
  const before = kindAt(index - 1);
  if (kindAt(index + 2) === CAST || kindAt(index + 2) === OPEN) return undefined; // C++: std::text::x, Foo::date()
  if (before === QUOTE_MARK || before === CLOSE) return "cast";
  return before === WORD && index === 2 && (kindAt(index + 2) === EDGE || cutOff(index + 2))
    ? "cast"
    : undefined; // password::int
}
