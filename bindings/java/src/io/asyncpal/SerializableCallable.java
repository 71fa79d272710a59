package io.asyncpal;

import java.io.Serializable;
import java.util.concurrent.Callable;

/** A {@link Callable} that can be sent to another process, with all that it captures. */
@FunctionalInterface
public interface SerializableCallable<V> extends Callable<V>, Serializable {}
