package io.asyncpal.tools.junit;

import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.PostDiscoveryFilter;

/**
 * Chooses the test methods to run: those that match a pattern, and of these every n-th. Not safe
 * for use by several threads; JUnit asks from one.
 */
final class TestSelection implements PostDiscoveryFilter {
  private final Optional<Pattern> pattern;
  private final int shard;
  private final int shards;
  private int matches;

  /**
   * @param pattern what {@code package.Class#method} must contain; empty: everything matches
   * @param shard which of the shards this is, from 0
   * @param shards into how many shards the methods are dealt out, one after the other
   */
  TestSelection(Optional<Pattern> pattern, int shard, int shards) {
    this.pattern = pattern;
    this.shard = shard;
    this.shards = shards;
  }

  /** How many methods matched, those of other shards included. */
  int matches() {
    return matches;
  }

  @Override
  public FilterResult apply(TestDescriptor test) {
    TestSource source = test.getSource().orElse(null);
    if (!(source instanceof MethodSource)) {
      return FilterResult.included("it only holds tests");
    }
    MethodSource method = (MethodSource) source;
    String name = method.getClassName() + "#" + method.getMethodName();
    if (pattern.isPresent() && !pattern.get().matcher(name).find()) {
      return FilterResult.excluded("it does not match");
    }
    boolean mine = matches++ % shards == shard;
    return FilterResult.includedIf(mine, () -> "this shard's", () -> "another shard's");
  }
}
