package peer;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** ISO 8601 in and out. java.time would be a good part of the whole work, so the usual forms are done by hand. */
final class Instants {
    static final long HOUR_MS = 3_600_000;
    private static final long DAY_MS = 24 * HOUR_MS;

    private static final Pattern ANY =
        Pattern.compile("(\\d{4}-\\d\\d-\\d\\d)T(\\d\\d):(\\d\\d)(?::(\\d\\d)(?:[.,](\\d+))?)?(?:Z|([+-])(\\d\\d)(?::?(\\d\\d))?)");

    /** Epoch ms and nanoseconds below. Throws InvalidEvent when the text has no offset or is no instant. */
    static Event.Mark parse(final String text, final String eventId) {
        final int length = text.length();
        if (length >= 20 && text.charAt(length - 1) == 'Z' && text.charAt(4) == '-' && text.charAt(7) == '-' && text.charAt(10) == 'T'
            && text.charAt(13) == ':' && text.charAt(16) == ':' && (length == 20 || (length == 24 && text.charAt(19) == '.'))) {
            final int year = two(text, 0) * 100 + two(text, 2);
            final int month = two(text, 5);
            final int day = two(text, 8);
            final int hour = two(text, 11);
            final int minute = two(text, 14);
            final int second = two(text, 17);
            final int ms = length == 20 ? 0 : digit(text, 20) * 100 + two(text, 21);
            if (year >= 0 && month > 0 && month < 13 && day > 0 && (day < 29 || day <= daysIn(year, month)) && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60 && ms >= 0) {
                return new Event.Mark(days(year, month, day) * DAY_MS + hour * HOUR_MS + minute * 60_000L + second * 1000L + ms, 0, eventId);
            }
        }
        return parseAny(text, eventId);
    }

    /** Any complete ISO 8601 instant; digits below the nanosecond are cut off. */
    private static Event.Mark parseAny(final String text, final String eventId) {
        final Matcher parts = ANY.matcher(text);
        if (!parts.matches()) throw new InvalidEvent("no ISO 8601 instant with offset: " + text);
        final long day;
        try {
            day = LocalDate.parse(parts.group(1)).toEpochDay();
        } catch (final DateTimeException error) {
            throw new InvalidEvent("no such day: " + text, error);
        }
        final int hour = number(parts.group(2));
        final int minute = number(parts.group(3));
        final int second = number(parts.group(4));
        final int nanos = parts.group(5) == null ? 0 : number((parts.group(5) + "000000000").substring(0, 9));
        final int offsetHours = number(parts.group(7));
        final int offsetMinutes = number(parts.group(8));
        final boolean endOfDay = hour == 24 && minute == 0 && second == 0 && nanos == 0;
        if ((hour > 23 && !endOfDay) || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) throw new InvalidEvent("no such time: " + text);
        final int offset = ("-".equals(parts.group(6)) ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
        final long ms = day * DAY_MS + hour * HOUR_MS + (minute - offset) * 60_000L + second * 1000L + nanos / 1_000_000;
        return new Event.Mark(ms, nanos % 1_000_000, eventId);
    }

    private static int number(final String digits) {
        return digits == null ? 0 : Integer.parseInt(digits);
    }

    /** 2025-10-29T10:00:00.000Z */
    static String format(final long ms) {
        final char[] out = new char[24];
        fill(out, ms);
        final int milli = (int) Math.floorMod(ms, 1000L);
        out[19] = '.';
        out[20] = (char) ('0' + milli / 100);
        put(out, 21, milli % 100);
        out[23] = 'Z';
        return new String(out);
    }

    /** Start of the hour: 2025-10-29T10:00:00Z */
    static String hour(final long ms) {
        final char[] out = new char[20];
        fill(out, Math.floorDiv(ms, HOUR_MS) * HOUR_MS);
        out[19] = 'Z';
        return new String(out);
    }

    private static void fill(final char[] out, final long ms) {
        final LocalDate date = LocalDate.ofEpochDay(Math.floorDiv(ms, DAY_MS));
        final int second = (int) (Math.floorMod(ms, DAY_MS) / 1000);
        put(out, 0, date.getYear() / 100);
        put(out, 2, date.getYear() % 100);
        out[4] = '-';
        put(out, 5, date.getMonthValue());
        out[7] = '-';
        put(out, 8, date.getDayOfMonth());
        out[10] = 'T';
        put(out, 11, second / 3600);
        out[13] = ':';
        put(out, 14, second / 60 % 60);
        out[16] = ':';
        put(out, 17, second % 60);
    }

    private static int daysIn(final int year, final int month) {
        return YearMonth.of(year, month).lengthOfMonth();
    }

    private static void put(final char[] out, final int at, final int value) {
        out[at] = (char) ('0' + value / 10);
        out[at + 1] = (char) ('0' + value % 10);
    }

    private static long days(final int year, final int month, final int day) {
        return LocalDate.of(year, month, day).toEpochDay();
    }

    private static int two(final String text, final int at) {
        return digit(text, at) * 10 + digit(text, at + 1);
    }

    /** So negative for anything else that no sum with it is positive. */
    private static int digit(final String text, final int at) {
        final int digit = text.charAt(at) - '0';
        return digit >= 0 && digit <= 9 ? digit : -100_000;
    }
}
