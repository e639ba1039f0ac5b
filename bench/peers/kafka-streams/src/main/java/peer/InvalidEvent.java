package peer;

import org.apache.kafka.common.errors.SerializationException;

/** The record breaks a rule of the contract: it becomes a dead letter. */
final class InvalidEvent extends SerializationException {
    InvalidEvent(final String message) {
        super(message);
    }

    InvalidEvent(final String message, final Throwable cause) {
        super(message, cause);
    }
}
