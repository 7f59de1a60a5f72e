import { detectCardNumber } from "../detect/card-number.ts";
import type { WafRule } from "../rule.ts";

/** What an answer gives away. Off unless the configuration has answers inspected. */
export const LEAK_RULES: readonly WafRule[] = [
  {
    id: "leak-sql-error",
    message: "A database's error in the answer",
    tags: ["leak", "leak-sql"],
    variables: ["RESPONSE_BODY"],
    operator: {
      rx: /You have an error in your SQL syntax|supplied argument is not a valid MySQL|mysqli?_fetch_\w{1,20}\(\)|MySQLSyntaxErrorException|check the manual that corresponds to your (?:MySQL|MariaDB)|PG::SyntaxError|pg_(?:query|exec)\(\)|PSQLException|unterminated quoted string at or near|ORA-\d{5}: |oracle\.jdbc\.|quoted string not properly terminated|Unclosed quotation mark after|Microsoft (?:OLE DB Provider|SQL Native Client)|ODBC (?:SQL Server|Microsoft Access) Driver|SQLServerException|Incorrect syntax near|SQLite3?::(?:SQLException|query)|SQLITE_ERROR|sqlite3\.OperationalError|JET Database Engine|\[DB2\/|DB2 SQL error|com\.informix\.jdbc|Dynamic SQL Error|SybSQLException|org\.hsqldb\.jdbc/,
    },
  },
  {
    id: "leak-stack-trace",
    message: "A stack trace in the answer",
    tags: ["leak", "leak-code"],
    severity: "error",
    variables: ["RESPONSE_BODY"],
    operator: {
      rx: /Traceback \(most recent call last\)|\bat [\w$.]{3,120}\([\w$]{1,60}\.java:\d{1,6}\)|\n\s{1,8}at [^\n]{1,200}\((?:\/|[A-Z]:\\)[^\n)]{1,200}:\d{1,6}:\d{1,6}\)|System\.\w{1,40}Exception: |\[(?:HttpException|NullReferenceException)|<b>(?:Fatal error|Parse error|Warning)<\/b>: {1,2}|PHP (?:Fatal|Parse) error|goroutine \d{1,6} \[running\]|Server Error in '\/[^']{0,80}' Application|ActionView::Template::Error|NoMethodError in |Whitelabel Error Page/,
    },
  },
  {
    id: "leak-source",
    message: "Source code of the application in the answer",
    tags: ["leak", "leak-code"],
    variables: ["RESPONSE_BODY"],
    operator: {
      rx: /<\?php\s|<\?=\s?\$|<%@\s{0,4}(?:page|language|import)|<%\s{0,4}(?:Dim|Response\.)/i,
    },
    needs: { literals: ["<?", "<%"] },
  },
  {
    id: "leak-listing",
    message: "A listing of a directory in the answer",
    tags: ["leak"],
    variables: ["RESPONSE_BODY"],
    operator: { rx: /<title>Index of \/|\[To Parent Directory\]|Directory Listing For \// },
  },
  {
    id: "leak-web-shell",
    message: "The page of a web shell in the answer",
    tags: ["leak", "web-shell"],
    variables: ["RESPONSE_BODY"],
    operator: {
      rx: /<title>(?:r57 Shell|WSO \d|b374k|c99shell|- C99Shell|Mini Shell|IndoXploit|Symlink_Sa|CasuS|GRP WebShell|PHPShell|lama's'hell)/i,
    },
    needs: { literals: ["<title>"] },
  },
  {
    id: "leak-private-key",
    message: "A private key in the answer",
    tags: ["leak"],
    variables: ["RESPONSE_BODY"],
    operator: { rx: /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----/ },
    needs: { literals: ["PRIVATE KEY"] },
  },
  {
    id: "leak-card-number",
    message: "A payment card's number in the answer",
    tags: ["leak"],
    severity: "error",
    variables: ["RESPONSE_BODY"],
    operator: { detect: detectCardNumber },
  },
];
