import { isLetterCode } from "./characters.ts";

// A value that is one path and nothing else. In a sentence the same path is talked about; alone it is
// what an application is asked to open.

/** Folders whose files tell about the system. `/etc/designs` and its kin are pages of a content system. */
const UNIX = [
  /^\/{1,2}etc\/(?!designs|clientlibs|tags\b|packages|map\b|cloudse|workflow|commerce|replication|importers|segmentation|reports|social|blueprints|msm\b|notification|taskman|scheduling|versioning|watchwords|languages|projects|dam\b)[\w.@+-]{2,40}(?:\/[\w.@+-]{1,60}){0,4}\/?$/,
  /^\/{1,2}var\/(?:adm|logs?|run|spool|lock|cron|lp|saf|db|mail|account|crash|backups|cpanel|named)(?:\/[\w.@+-]{1,60}){0,6}\/?$/,
  /^\/{1,2}(?:boot\/(?:grub2?|efi|loader|vmlinuz|initr|config-|System\.map)|usr\/(?:sbin|spool|adm|ports|libexec)\/)[\w./@+-]{0,120}$/,
  /^\/{1,2}(?:root\/[\w.-]{1,60}\.\w{1,8}|(?:usr\/(?:local\/)?)?s?bin\/[a-z][\w.+-]{0,40}|usr\/local\/[\w.-]{1,40}\/(?:etc|conf|logs?|data|sbin|var)\/[\w./@+-]{1,120})$/,
  /^\/\.(?:profile|log(?:in|out))$/,
];
const WINDOWS = [
  /^[a-z]:[\\/]{1,2}(?:program ?files(?: \(x86\))?[\\/]{1,2})?(?:mysql|php\d{0,2}|apache(?:\d{1,2}| group)?|appserv|wamp(?:64)?|xampp|easyphp|nginx|tomcat|postgresql|mssql|filezilla server|\$recycle\.bin|system volume information|minint|recovery|perflogs)(?:[\\/][^\n]{0,160})?$/i,
  // What is left when separators were taken out.
  /^[a-z]:(?:windows|winnt|inetpub|boot)\w{0,40}\.(?:ini|asa|log|dat|exe)$/i,
];
const DOTS = [
  /^[/\\]?\.{4,200}[/\\]/,
  /^[/\\]\.{4,200}\{/,
  /^(?:file:)?[/\\]?\.{4,200}(?:etc|b?oot|windows|winnt|web-inf|proc|var)[\w.-]{0,60}$/i,
  /^[/\\]?(?:\.[/\\]{1,4}){3}/,
  /^[/\\]?\.(?:\/\\|\\\/)\\?\.[/\\]/,
];

/** A link of the chains that PHP's filters are made into. */
const FILTER = /^convert\.(?:iconv\.[\w-]{1,30}\.[\w-]{1,30}|base64-(?:en|de)code)$/;
/** So many of one letter only push what follows out of a buffer. */
const FILLED = 128;

/** The sign of a whole value that is a path worth hiding. */
export function wholePath(value: string): string | undefined {
  const first = value.charCodeAt(0);
  if (value.length > FILLED && first === 0x2f && isFilled(value)) return "filler";
  if (value.length > 400) return undefined;
  if (first === 0x2f || first === 0x2e || first === 0x5c) {
    if (DOTS.some((pattern) => pattern.test(value))) return "dots";
    return first === 0x2f && UNIX.some((pattern) => pattern.test(value))
      ? "system-file"
      : undefined;
  }
  if (isLetterCode(first) && value.charCodeAt(1) === 0x3a)
    return WINDOWS.some((pattern) => pattern.test(value)) ? "windows-file" : undefined;
  if (first === 0x63 && FILTER.test(value)) return "filter";
  return first === 0x66 && value.startsWith("file:.") && DOTS[2]!.test(value) ? "dots" : undefined;
}

function isFilled(value: string): boolean {
  const code = value.charCodeAt(1);
  if (!isLetterCode(code)) return false;
  for (let at = 2; at <= FILLED; at++) if (value.charCodeAt(at) !== code) return false;
  return true;
}
