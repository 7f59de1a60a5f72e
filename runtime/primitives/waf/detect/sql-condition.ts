import {
  callName,
  callOpen,
  comparison,
  cutOff,
  dotted,
  kindAt,
  operand,
  operandFollows,
  operandIsOpen,
  operandIsSql,
  operandKind,
  textAt,
  tokens,
  touches,
  wordAt,
  worldlyCall,
} from "./sql-grammar.ts";
import {
  ARITHMETIC,
  ATTACK_FUNCTIONS,
  CLOSE,
  COMMENT,
  COMPARE,
  EDGE,
  LITERAL,
  LOGIC,
  NOT,
  NUMBER,
  OPEN,
  QUOTE_MARK,
  SELECT,
  VARIABLE,
  WORD,
  WORD_COMPARE,
} from "./sql-words.ts";

// AND, OR and their kin without a quote before them.

/** Whether the value itself has opened the bracket that closes here, and something stands before it. */
function isOwnBracket(close: number): boolean {
  let depth = 0;
  for (let at = close; at > 1 && at > close - 64; at--) {
    if (kindAt(at) === CLOSE) depth++;
    else if (kindAt(at) === OPEN && --depth === 0) return true;
  }
  return false;
}

function isCalled(open: number): boolean {
  return touches(open - 1) || kindAt(open + 1) !== WORD || touches(open + 1);
}

// created > 5 AND (status = "open"), status in ('a', 'b') and owner = 'me': the value begins with a comparison of
// its own, as filters of APIs and of search boxes do. What goes on with a query begins with a number or a quote.
function isFilter(): boolean {
  let at = 1;
  while (at < 8 && (kindAt(at) === OPEN || kindAt(at) === NOT)) at++;
  if (kindAt(at) !== WORD) return false;
  at = dotted(at + 1);
  return comparison(at) && kindAt(tokens.count - 2) !== COMMENT;
}

/** AND, OR, XOR, &&, || wherever they stand. */
export function afterLogic(index: number): string | undefined {
  const before = kindAt(index - 1);
  let next = index + 1;
  while (
    next < index + 12 &&
    (kindAt(next) === NOT || (kindAt(next) === LOGIC && next < index + 4))
  )
    next++;
  const afterNumberOrClose = before === NUMBER || before === CLOSE || before === QUOTE_MARK;
  let brackets = next;
  while (kindAt(brackets) === OPEN && brackets < next + 6) brackets++;
  // 526=527, 'a'='a': between constants, whatever stands before
  if (
    kindAt(brackets) === NUMBER ||
    (kindAt(brackets) === ARITHMETIC && kindAt(brackets + 1) === NUMBER)
  ) {
    let after = operand(brackets);
    // or(1)=(1)
    while (after > 0 && after < brackets + 8 && brackets > next && kindAt(after) === CLOSE) after++;
    if (after > 0 && kindAt(after) === COMPARE) {
      const right = kindAt(after + 1);
      // "x > 5 and 20 > 15" goes on with a comparison: arithmetic, or a filter
      const goesOn = kindAt(index - 2) === COMPARE && textAt(index - 2).charCodeAt(0) !== 0x3d;
      if (textAt(after).charCodeAt(0) === 0x3d || (afterNumberOrClose && !goesOn)) {
        if (
          right === NUMBER ||
          right === OPEN ||
          (right === ARITHMETIC && kindAt(after + 2) === NUMBER)
        )
          return "tautology";
        if (right === QUOTE_MARK && afterNumberOrClose) return "tautology";
        if (right === VARIABLE) return "tautology";
        if (
          right === WORD &&
          (afterNumberOrClose || before === WORD || before === COMPARE || before === ARITHMETIC) &&
          worldlyCall(after + 1)
        )
          return "numeric-condition";
      }
    }
    if (afterNumberOrClose && after > 0) {
      if (cutOff(after) && textAt(index).length > 1 && before !== QUOTE_MARK)
        return "numeric-condition";
      if (comparison(after) && kindAt(after) !== COMPARE) return "numeric-condition";
      // 1 or 1 like 1
      if (
        before === NUMBER &&
        kindAt(index - 2) === EDGE &&
        /^(?:r?like|glob)$/.test(wordAt(after)) &&
        kindAt(after + 1) === NUMBER &&
        (kindAt(after + 2) === EDGE || cutOff(after + 2))
      )
        return "numeric-condition";
    }
  } else if (kindAt(brackets) === QUOTE_MARK) {
    const after = operand(brackets);
    // 1 or 'x'=concat('x')
    if (
      after > 0 &&
      !operandIsOpen &&
      (before === NUMBER || before === CLOSE) &&
      textAt(after) === "=" &&
      kindAt(after + 1) === WORD &&
      worldlyCall(after + 1)
    )
      return "numeric-condition";
    if (
      after > 0 &&
      !operandIsOpen &&
      kindAt(after) === COMPARE &&
      kindAt(after + 1) === QUOTE_MARK &&
      textAt(index).charCodeAt(0) > 0x40
    ) {
      const left = tokens.value.slice(tokens.end[brackets]!, tokens.start[after - 1]!);
      const right = tokens.value.slice(
        tokens.end[after + 1]!,
        tokens.end[after + 1]! + left.length,
      );
      if (left === right) return "tautology";
      if (afterNumberOrClose) return "numeric-condition";
    }
    if (
      after > 0 &&
      (before === NUMBER || before === CLOSE) &&
      kindAt(after) === WORD_COMPARE &&
      comparison(after)
    )
      return "numeric-condition";
  }
  // 1 or b'1'=1
  if (
    afterNumberOrClose &&
    kindAt(brackets + 1) === QUOTE_MARK &&
    touches(brackets) &&
    /^(?:[bxn]|_utf8|_latin1|_binary)$/.test(wordAt(brackets))
  ) {
    const after = operand(brackets + 1);
    if (after > 0 && !operandIsOpen && kindAt(after) === COMPARE) return "numeric-condition";
  }
  // or x=x, or (a=a
  if (
    kindAt(brackets) === WORD &&
    textAt(brackets + 1) === "=" &&
    wordAt(brackets) === wordAt(brackets + 2) &&
    wordAt(brackets) !== "" &&
    textAt(index).charCodeAt(0) > 0x40
  ) {
    return "tautology";
  }
  const after = operand(next);
  if (after < 0) return undefined;
  const kind = operandKind;
  const worded = textAt(index).charCodeAt(0) > 0x40;
  if (operandIsSql && kind === OPEN) {
    const name = callName(next);
    // "and benchmark (Ada)": a word, and a remark behind it
    if (ATTACK_FUNCTIONS.has(name) && (name.includes("_") || isCalled(callOpen(next))))
      return "condition-call";
    if (name === "sleep" && kindAt(callOpen(next) + 1) === NUMBER && worded)
      return "condition-call";
    if (
      afterNumberOrClose &&
      worded &&
      (comparison(after) ||
        kindAt(after) === ARITHMETIC ||
        cutOff(after) ||
        (kindAt(after) === EDGE && before === NUMBER && touches(callOpen(next) - 1)))
    )
      return "numeric-condition";
    if (
      worded &&
      (name === "exists" || name === "if" || name === "not") &&
      (kindAt(callOpen(next) + 1) === SELECT || ATTACK_FUNCTIONS.has(wordAt(callOpen(next) + 1)))
    ) {
      return "condition-subquery";
    }
  }
  // 1&&ascii(substr(user(),1,1))>0
  if (
    operandIsSql &&
    kind === OPEN &&
    before === NUMBER &&
    kindAt(index - 2) === EDGE &&
    touches(index - 1) &&
    touches(index) &&
    kindAt(after) === COMPARE
  )
    return "numeric-condition";
  if (operandIsSql && kind === SELECT && worded) return "condition-subquery";
  if (before === NUMBER || before === CLOSE) {
    if (
      kind === WORD &&
      worded &&
      kindAt(index - 2) !== COMPARE &&
      !isFilter() &&
      // "with OpenSSL 1.1 and Linux < 3.19": words before the number
      !(kindAt(index - 2) === WORD && kindAt(index - 3) === WORD && kindAt(after) === COMPARE) &&
      // "not (a or b) and c >= 1000": the bracket closes one of the value's own
      !(before === CLOSE && isOwnBracket(index - 1)) &&
      comparison(after) &&
      (kindAt(after) !== COMPARE || operandFollows(after + 1))
    )
      return "numeric-condition";
    // 1 or @@version, 1 or @a:=1
    if (kind === VARIABLE && worded && (textAt(next).startsWith("@@") || textAt(after) === ":="))
      return "numeric-condition";
    // 1 or !0, 1 or ~0
    if (
      kind === NUMBER &&
      worded &&
      before === NUMBER &&
      (kindAt(next - 1) === NOT || textAt(next) === "~") &&
      textAt(next - 1).length === (textAt(next) === "~" ? textAt(index).length : 1) &&
      kindAt(after) === EDGE
    )
      return "numeric-condition";
    if (
      kind === LITERAL &&
      worded &&
      (kindAt(after) === EDGE || cutOff(after) || comparison(after))
    )
      return "numeric-condition";
  }
  return undefined;
}
