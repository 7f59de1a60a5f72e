// The shapes of statements that are not SELECT: each kind takes words of its own.
import { dotted, kindAt, textAt, tokens, touches, wordAt } from "./sql-grammar.ts";
import {
  CLOSE,
  COMMENT,
  COMPARE,
  DOT_MARK,
  EDGE,
  FROM,
  NUMBER,
  OPEN,
  OTHER_MARK,
  QUOTE_MARK,
  SELECT,
  SEMICOLON_MARK,
  VARIABLE,
  WORD,
} from "./sql-words.ts";

/** What EXEC runs: a procedure, a text in a variable. */
export function isExecuted(index: number): boolean {
  const word = wordAt(index);
  const kind = kindAt(index);
  if (word.startsWith("xp_") || word.startsWith("sp_")) return true;
  if (word === "master" && kindAt(index + 1) === DOT_MARK) return true;
  if (word === "immediate" && (kindAt(index + 1) === QUOTE_MARK || kindAt(index + 1) === VARIABLE))
    return true;
  if (
    kind === OPEN &&
    (kindAt(index + 1) === VARIABLE ||
      (kindAt(index + 1) === OTHER_MARK && textAt(index + 1) === "@"))
  )
    return true;
  // npm exec @scope/name
  return kind === VARIABLE && textAt(index + 1) !== "/";
}

/** Whether what follows a statement's first word is what it takes, and no sentence. */
export function statementShape(index: number, afterSemicolon: boolean): boolean {
  const next = wordAt(index + 1);
  const nextKind = kindAt(index + 1);
  switch (wordAt(index)) {
    case "insert":
    case "replace":
      return (
        (next === "into" &&
          (kindAt(index + 2) === WORD || kindAt(index + 2) === QUOTE_MARK) &&
          shapeFollows(index + 3, afterSemicolon)) ||
        (afterSemicolon &&
          nextKind === WORD &&
          kindAt(index + 2) === OPEN &&
          (touches(index + 1) || valuesFollow(index + 3)))
      );
    case "update": {
      const at = dotted(index + 2);
      return (
        (nextKind === WORD || nextKind === QUOTE_MARK) &&
        wordAt(at) === "set" &&
        kindAt(dotted(at + 2)) === COMPARE
      );
    }
    case "delete":
      return (
        nextKind === FROM &&
        kindAt(index + 2) === WORD &&
        (afterSemicolon
          ? kindAt(index + 3) !== WORD
          : wordAt(dotted(index + 3)) === "where" ||
            kindAt(index + 3) === SEMICOLON_MARK ||
            kindAt(index + 3) === COMMENT)
      );
    case "drop":
    case "create":
    case "alter":
      return (
        /^(?:table|database|schema|view|index|procedure|function|trigger|user|login|role|alias|or|temp|temporary|unique|global|sequence|column|constraint|aggregate)$/.test(
          next,
        ) &&
        kindAt(index + 2) !== EDGE &&
        // "ALTER TABLE / ADD CONSTRAINT is not supported", "ALTER TABLE" in quotation marks
        (afterSemicolon ||
          kindAt(index + 2) === WORD ||
          textAt(index + 2) === "[" ||
          (kindAt(index + 2) === QUOTE_MARK && !touches(index + 1))) &&
        (afterSemicolon
          ? kindAt(index + 3) !== WORD ||
            wordAt(index + 2) === "if" ||
            (next === "or" && wordAt(index + 2) === "replace") ||
            /^(?:add|change|modify|rename|with|identified)$/.test(wordAt(index + 3)) ||
            kindAt(index + 4) === OPEN
          : ddlShape(index) ||
            (next === "user" && nextIsName(index) && wordAt(index + 3) === "identified"))
      );
    case "truncate":
      return next === "table"
        ? kindAt(index + 2) === WORD && (afterSemicolon || kindAt(index + 3) === SEMICOLON_MARK)
        : afterSemicolon && textAt(index + 1) === "[";
    case "exec":
    case "execute":
      return (
        isExecuted(index + 1) ||
        (afterSemicolon &&
          nextKind === WORD &&
          ((kindAt(index + 2) === DOT_MARK && kindAt(index + 3) === WORD && touches(index + 2)) ||
            kindAt(index + 2) === QUOTE_MARK))
      );
    case "declare":
      return (
        nextKind === VARIABLE ||
        (afterSemicolon && nextKind === WORD && kindAt(index + 3) === SEMICOLON_MARK)
      );
    case "shutdown":
      return (
        afterSemicolon &&
        (next === "with" ||
          nextKind === COMMENT ||
          nextKind === EDGE ||
          nextKind === SEMICOLON_MARK)
      );
    case "waitfor":
      return next === "delay" || next === "time";
    case "grant":
      return (
        /^(?:all|select|dba|connect|resource|insert|update|delete|create|execute|usage)$/.test(
          next,
        ) &&
        (afterSemicolon ||
          (kindAt(index - 1) === QUOTE_MARK && /^(?:to|on|privileges)$/.test(wordAt(index + 2))))
      );
    case "rename":
      return next === "table" && afterSemicolon && wordAt(index + 3) === "to";
    case "merge":
      return next === "into" && afterSemicolon;
    case "copy":
      return (
        (nextKind === WORD || nextKind === OPEN) &&
        (kindAt(index + 2) === FROM || wordAt(index + 2) === "to" || kindAt(index + 2) === OPEN) &&
        (afterSemicolon || copiesFile(dotted(index + 2)))
      );
    case "load":
      return next === "data" && (wordAt(index + 2) === "infile" || wordAt(index + 2) === "local");
    case "call":
      return (
        afterSemicolon &&
        nextKind === WORD &&
        kindAt(dotted(index + 2)) === OPEN &&
        touches(dotted(index + 2) - 1)
      );
    case "backup":
    case "restore":
      return next === "database" && kindAt(index + 2) === WORD;
    case "attach":
      return next === "database" && kindAt(index + 2) === QUOTE_MARK;
    case "handler":
      return nextKind === WORD && wordAt(index + 2) === "open";
    case "rollback":
    case "commit":
      return (
        afterSemicolon &&
        (nextKind === COMMENT || nextKind === SEMICOLON_MARK) &&
        kindAt(index - 2) === QUOTE_MARK
      );
    case "begin": {
      if (!afterSemicolon) return false;
      const call = dotted(index + 2);
      const sleeps = kindAt(call) === OPEN && wordAt(call - 1) === "sleep";
      return next.startsWith("dbms_") || sleeps || isAlone(index);
    }
    case "vacuum":
      return afterSemicolon && isAlone(index);
    case "desc":
    case "describe": {
      const after = dotted(index + 2);
      if (!afterSemicolon || nextKind !== WORD) return false;
      return kindAt(after) === EDGE ? breaksOutAt(index - 2) : endsAt(after);
    }
    case "show":
      return (
        /^(?:tables|databases|schemas|columns|grants|processlist|variables|triggers|indexes)$/.test(
          next,
        ) &&
        (afterSemicolon
          ? endsAt(index + 2) || (kindAt(index + 2) === EDGE && breaksOutAt(index - 2))
          : kindAt(index + 2) === SEMICOLON_MARK && kindAt(index + 3) === EDGE)
      );
    default:
      return false;
  }
}

// '; begin -- , 1;vacuum;
function isAlone(index: number): boolean {
  const next = kindAt(index + 1);
  if (next !== COMMENT && next !== SEMICOLON_MARK) return false;
  const before = kindAt(index - 2);
  return before === QUOTE_MARK || before === CLOSE || (before === NUMBER && tokens.count <= 7);
}

function breaksOutAt(index: number): boolean {
  const kind = kindAt(index);
  return kind === NUMBER || kind === QUOTE_MARK || kind === CLOSE;
}

// "; --", ";" at the end, a comment
function endsAt(index: number): boolean {
  if (kindAt(index) === COMMENT) return true;
  return (
    kindAt(index) === SEMICOLON_MARK &&
    (kindAt(index + 1) === EDGE || kindAt(index + 1) === COMMENT)
  );
}

function nextIsName(index: number): boolean {
  return kindAt(index + 2) === WORD || kindAt(index + 2) === QUOTE_MARK;
}

function valuesFollow(index: number): boolean {
  for (let at = index; at < index + 24; at++)
    if (kindAt(at) === CLOSE) return wordAt(at + 1) === "values";
  return false;
}

// from '/etc/passwd', to 'c:\\x', from program 'id'
function copiesFile(index: number): boolean {
  if (kindAt(index) !== FROM && wordAt(index) !== "to") return false;
  const at = wordAt(index + 1) === "program" ? index + 2 : index + 1;
  if (kindAt(at) !== QUOTE_MARK) return false;
  return (
    at > index + 1 || /^["'](?:\/|\\|[a-z]:[\\/])/i.test(tokens.value.slice(tokens.start[at]!))
  );
}

function shapeFollows(index: number, afterSemicolon: boolean): boolean {
  const at = dotted(index);
  const kind = kindAt(at);
  if (kind === OPEN || wordAt(at) === "values" || kind === SELECT || wordAt(at) === "set")
    return true;
  return afterSemicolon && (kind === EDGE || kind === QUOTE_MARK);
}

// A definition without ";" before it must go on as one: CREATE TABLE x (…, ALTER TABLE `x` ADD …
function ddlShape(index: number): boolean {
  const end = Math.min(tokens.count, index + 8);
  let words = 0;
  for (let at = index + 2; at < end; at++) {
    const kind = tokens.kind[at]!;
    if (kind === OPEN || kind === QUOTE_MARK || kind === COMMENT || kind === SEMICOLON_MARK)
      return words <= 3 || kind === OPEN;
    if (/^(?:add|change|modify|rename)$/.test(wordAt(at)) && wordAt(index) === "alter") return true;
    words++;
  }
  return false;
}
