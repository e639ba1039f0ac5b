package differential;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Arguments: the directory to write to; part of a case name (empty = all); a number that shifts all seeds (default 0).
 */
public final class Main {
    public static void main(final String[] args) throws IOException {
        final Path directory = Path.of(args[0]);
        final String filter = args.length > 1 ? args[1] : "";
        final long shift = args.length > 2 ? Long.parseLong(args[2]) : 0;
        Files.createDirectories(directory);
        final List<Case> cases = new ArrayList<>();
        cases.addAll(StatelessCases.all());
        cases.addAll(TableCases.all());
        cases.addAll(AggregateCases.all());
        cases.addAll(TableJoinCases.all());
        cases.addAll(StreamJoinCases.all());
        cases.addAll(WindowCases.all());
        cases.addAll(SuppressCases.all());
        cases.addAll(ProcessorCases.all());
        cases.addAll(VersionedCases.all());
        cases.addAll(OptimizedCases.all());
        final Set<String> names = new HashSet<>();
        int recorded = 0;
        for (final Case test : cases) {
            if (!names.add(test.name)) throw new IllegalStateException("two cases named " + test.name);
            if (!test.name.contains(filter)) continue;
            // The seed depends on the name alone, so that a new case changes no other.
            Recorder.record(test, test.name.hashCode() + shift, directory);
            recorded++;
        }
        if (filter.isEmpty()) {
            try (Stream<Path> files = Files.list(directory)) {
                for (final Path file : files.toList()) {
                    if (!names.contains(file.getFileName().toString().replace(".json", ""))) Files.delete(file);
                }
            }
        }
        System.out.println(recorded + " cases recorded");
    }
}
