package differential;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Records topologies that seeds make. Arguments: the directory to write to, the first seed, how many. */
public final class RandomMain {
    public static void main(final String[] args) throws Exception {
        final Path directory = Path.of(args[0]);
        final long first = Long.parseLong(args[1]);
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(directory)) {
            for (final Path file : files.toList()) if (file.getFileName().toString().startsWith("random-")) Files.delete(file);
        }
        int recorded = 0;
        for (long seed = first; seed < first + Long.parseLong(args[2]); seed++) {
            final Case made = Case.random(seed);
            try {
                Recorder.record(made, seed, directory);
                recorded++;
            } catch (final RuntimeException error) {
                // Kafka Streams refuses some topologies, so there is nothing to compare.
                System.err.println("Exception in " + made.name + ": " + error);
            }
        }
        System.out.println(recorded + " topologies recorded");
    }
}
