/** HTTP-date: RFC 9110 §5.6.7. */

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const IMF = /^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/;
const RFC850 = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/;
const ASCTIME = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;
/** The longest is `Wednesday, 06-Nov-94 08:49:37 GMT`. */
const MAX_LENGTH = 33;

/**
 * One of the three forms as milliseconds since 1970, or `undefined`. Letters in any case, the name of the day unchecked:
 * both are lenience that §5.6.7 asks of recipients of dates. `now` decides what a year of two digits means.
 */
export function httpDate(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const lower = text.toLowerCase();
  let match = IMF.exec(lower);
  if (match !== null) {
    const [, day, month, year, hour, minute, second] = match;
    return instant(Number(year), month, day, hour, minute, second);
  }
  match = ASCTIME.exec(lower);
  if (match !== null) {
    const [, month, day, hour, minute, second, year] = match;
    return instant(Number(year), month, day, hour, minute, second);
  }
  match = RFC850.exec(lower);
  if (match === null) return undefined;
  const [, day, month, short, hour, minute, second] = match;
  return instant(fullYear(Number(short), now), month, day, hour, minute, second);
}

/** One that seems more than 50 years ahead was in the century before. */
function fullYear(short: number, now: number): number {
  const current = new Date(now).getUTCFullYear();
  const year = current - (current % 100) + short;
  return year > current + 50 ? year - 100 : year;
}

function instant(
  year: number,
  month = "",
  day = "",
  hour = "",
  minute = "",
  second = "",
): number | undefined {
  const monthIndex = MONTHS.indexOf(month);
  // A leap second is the 60th.
  if (monthIndex === -1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) {
    return undefined;
  }
  const midnight = new Date(0);
  // Not Date.UTC: it takes the years 0 to 99 for those from 1900 on.
  midnight.setUTCFullYear(year, monthIndex, Number(day));
  // The 31st of a month with 30 days would be the 1st of the next.
  if (midnight.getUTCDate() !== Number(day)) return undefined;
  return midnight.getTime() + (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000;
}
