package io.asyncpal;

import java.util.concurrent.Future;

/**
 * A consistent snapshot of a pool: {@code workers = busy + idle}, and {@code submitted = pending +
 * running + completed + failed + cancelled}.
 *
 * <p>A task is counted before its future is done: whoever has the result finds it here.
 *
 * @param workers how many there are now
 * @param busy how many of them run a task
 * @param idle how many of them wait for one
 * @param submitted how many tasks the pool has accepted
 * @param pending how many have not started
 * @param running how many have started and are not done
 * @param completed how many have returned
 * @param failed how many have thrown, or were lost
 * @param cancelled how many never ran, or were running when {@link Future#cancel} was called
 * @param lost how many failed because their worker process died; counted in {@code failed} too
 * @param rejected how many there was no room for: refused at the call, and so not submitted, or
 *     dropped for another task, and counted in {@code failed} too
 * @param stalls how often a thread pool was found with tasks pending, every worker blocked inside
 *     of a task, and nothing ending for a second; see {@link ThreadPool}
 */
public record PoolStats(
    long workers,
    long busy,
    long idle,
    long submitted,
    long pending,
    long running,
    long completed,
    long failed,
    long cancelled,
    long lost,
    long rejected,
    long stalls) {}
