package io.asyncpal;

import java.io.Serializable;

/** A {@link Runnable} that can be sent to another process, with all that it captures. */
@FunctionalInterface
public interface SerializableRunnable extends Runnable, Serializable {}
