package peer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import peer.Event.Mark;
import peer.Event.Place;

/** Binary rows of the stores: smaller and cheaper than JSON. */
final class Rows {
    static final Serde<Trip> TRIP = serde(Rows::writeTrip, Rows::readTrip);
    static final Serde<DriverCell> DRIVER = serde((out, row) -> {
        writeMark(out, row.mark());
        out.writeLong(row.cell());
        out.writeDouble(row.lat());
        out.writeDouble(row.lng());
        writeText(out, row.status());
    }, in -> new DriverCell(readMark(in), in.readLong(), in.readDouble(), in.readDouble(), readText(in)));
    static final Serde<HourTotal> HOUR = serde((out, row) -> {
        out.writeLong(row.cents());
        out.writeLong(row.trips());
    }, in -> new HourTotal(in.readLong(), in.readLong()));

    private interface Writer<T> {
        void write(DataOutputStream out, T row) throws IOException;
    }

    private interface Reader<T> {
        T read(DataInputStream in) throws IOException;
    }

    private static <T> Serde<T> serde(final Writer<T> writer, final Reader<T> reader) {
        final Deserializer<T> deserializer = (topic, bytes) -> {
            if (bytes == null) return null;
            try {
                return reader.read(new DataInputStream(new ByteArrayInputStream(bytes)));
            } catch (final IOException error) {
                throw new UncheckedIOException(error);
            }
        };
        return Serdes.serdeFrom((topic, row) -> {
            if (row == null) return null;
            final ByteArrayOutputStream bytes = new ByteArrayOutputStream(320);
            try {
                writer.write(new DataOutputStream(bytes), row);
            } catch (final IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        }, deserializer);
    }

    private static void writeTrip(final DataOutputStream out, final Trip trip) throws IOException {
        out.writeByte((trip.requested() == null ? 0 : 1) | (trip.accepted() == null ? 0 : 2) | (trip.started() == null ? 0 : 4)
            | (trip.cancelled() == null ? 0 : 8) | (trip.completed() == null ? 0 : 16));
        if (trip.requested() != null) {
            writeMark(out, trip.requested().mark());
            writeText(out, trip.requested().passengerId());
            writePlace(out, trip.requested().pickup());
            writePlace(out, trip.requested().dropoff());
            writeText(out, trip.requested().vehicleType());
            out.writeLong(trip.requested().fare());
        }
        if (trip.accepted() != null) writeDriver(out, trip.accepted());
        if (trip.started() != null) writeDriver(out, trip.started());
        if (trip.cancelled() != null) writeMark(out, trip.cancelled());
        if (trip.completed() != null) {
            writeMark(out, trip.completed().mark());
            writeText(out, trip.completed().driverId());
            out.writeLong(trip.completed().fare());
            out.writeLong(trip.completed().at());
        }
    }

    private static Trip readTrip(final DataInputStream in) throws IOException {
        final int has = in.readByte();
        final Trip.Requested requested = (has & 1) == 0 ? null
            : new Trip.Requested(readMark(in), readText(in), readPlace(in), readPlace(in), readText(in), in.readLong());
        final Trip.Driver accepted = (has & 2) == 0 ? null : new Trip.Driver(readMark(in), readText(in));
        final Trip.Driver started = (has & 4) == 0 ? null : new Trip.Driver(readMark(in), readText(in));
        final Mark cancelled = (has & 8) == 0 ? null : readMark(in);
        final Trip.Completed completed = (has & 16) == 0 ? null : new Trip.Completed(readMark(in), readText(in), in.readLong(), in.readLong());
        return new Trip(requested, accepted, started, cancelled, completed);
    }

    private static void writeDriver(final DataOutputStream out, final Trip.Driver driver) throws IOException {
        writeMark(out, driver.mark());
        writeText(out, driver.driverId());
    }

    private static void writePlace(final DataOutputStream out, final Place place) throws IOException {
        out.writeDouble(place.lat());
        out.writeDouble(place.lng());
        writeText(out, place.address());
    }

    private static Place readPlace(final DataInputStream in) throws IOException {
        return new Place(in.readDouble(), in.readDouble(), readText(in));
    }

    private static void writeMark(final DataOutputStream out, final Mark mark) throws IOException {
        out.writeLong(mark.ms());
        out.writeInt(mark.nanos());
        writeText(out, mark.eventId());
    }

    private static Mark readMark(final DataInputStream in) throws IOException {
        return new Mark(in.readLong(), in.readInt(), readText(in));
    }

    private static void writeText(final DataOutputStream out, final String text) throws IOException {
        if (text == null) {
            out.writeInt(-1);
            return;
        }
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static String readText(final DataInputStream in) throws IOException {
        final int length = in.readInt();
        return length < 0 ? null : new String(in.readNBytes(length), StandardCharsets.UTF_8);
    }
}
