package io.asyncpal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Runs small pools step by step, on one thread, in an order that a seed gives. The queue is the
 * product's; native code is a model of what it promises: it loses no ticket, runs at most
 * maxWorkers of them, and one more while all that run are blocked.
 */
class HostQueueScheduleTest {
  private static final int SEEDS = 30_000;

  /** A task and, in the model, what it does. */
  private static final class Work implements HostQueue.Item {
    boolean pending = true;
    boolean ready; // its submission has returned
    boolean started;
    boolean done;
    Work awaits; // is submitted later; null: nothing
    boolean saysSo; // before it waits
    List<Work> meets = List.of(); // all of them have to have started
    final List<Work> submits = new ArrayList<>();

    @Override
    public boolean isPending() {
      return pending;
    }
  }

  /** Somebody with one step after the other. */
  private abstract static class Actor {
    boolean isOver;

    /** False: it can do nothing before somebody else does something. */
    abstract boolean step();
  }

  /** One run. */
  private static class Model {
    final Random random;
    int maxWorkers;
    boolean isPaused;
    final List<Actor> actors = new ArrayList<>();
    final List<Work> all = new ArrayList<>();
    final TaskCounts counts = new TaskCounts();
    final HostQueue<Work> queue;
    final boolean forgetsToLookAgain;
    int ticketsInNative;
    int running;
    int blockedTickets;
    boolean isInHook;

    Model(long seed, boolean forgetsToLookAgain) {
      this.random = new Random(seed);
      this.maxWorkers = 1 + random.nextInt(3);
      this.forgetsToLookAgain = forgetsToLookAgain;
      this.queue =
          new HostQueue<>(counts) {
            @Override
            void signalled() {
              // Whoever needs no lock may do something right here.
              if (!isInHook && random.nextInt(2) == 0) {
                isInHook = true;
                for (int i = 0; i < 3; i++) {
                  Actor actor = actors.isEmpty() ? null : actors.get(random.nextInt(actors.size()));
                  if (actor instanceof Submitter submitter && submitter.needsNoLock()) {
                    submitter.step();
                  }
                }
                isInHook = false;
              }
            }
          };
      queue.open(maxWorkers, () -> ticketsInNative++);
    }

    Work work() {
      Work work = new Work();
      all.add(work);
      return work;
    }

    void run() {
      while (true) {
        List<Actor> order = new ArrayList<>(actors);
        order.removeIf(actor -> actor.isOver);
        actors.retainAll(order);
        boolean moved = false;
        if (random.nextInt(3) == 0 || order.isEmpty()) {
          moved = startTicket();
        }
        while (!moved && !order.isEmpty()) {
          moved = order.remove(random.nextInt(order.size())).step();
        }
        if (!moved && !startTicket()) {
          return;
        }
        check();
      }
    }

    private boolean startTicket() {
      boolean allBlocked = running > 0 && running == blockedTickets;
      if (isPaused || ticketsInNative == 0 || (running >= maxWorkers && !allBlocked)) {
        return false;
      }
      ticketsInNative--;
      running++;
      actors.add(new Ticket(this));
      return true;
    }

    /** No task waits for a worker that may be had, unless somebody sees to it. */
    private void check() {
      long waiting = all.stream().filter(work -> work.ready && work.pending).count();
      boolean somebodySees =
          actors.stream()
              .anyMatch(
                  actor ->
                      (actor instanceof Ticket ticket && ticket.seesToOthers())
                          || (actor instanceof Submitter submitter && submitter.seesToOthers()));
      int[] tickets = queue.countTickets();
      if (!somebodySees && tickets[0] - tickets[2] < maxWorkers) {
        assertEquals(true, waiting <= tickets[1], "a task waits beside a worker");
      }
    }

    void assertAllDone() {
      for (Work work : all) {
        assertEquals(true, work.done, "a task was left behind");
      }
      assertArrayEquals(new int[] {0, 0, 0}, queue.countTickets());
      assertEquals(0, counts.here());
    }
  }

  private static final class Submitter extends Actor {
    private final Model model;
    private final Deque<Work> works;
    private int at;

    Submitter(Model model, List<Work> works) {
      this.model = model;
      this.works = new ArrayDeque<>(works);
      this.isOver = works.isEmpty();
    }

    boolean needsNoLock() {
      return !isOver && at < 3;
    }

    boolean seesToOthers() {
      return at > 1;
    }

    @Override
    boolean step() {
      switch (at) {
        case 0 -> model.counts.number();
        case 1 -> model.queue.publish(works.peek());
        case 2 -> {
          if (!model.queue.isSignalled()) {
            finish();
            return true;
          }
        }
        default -> {
          model.queue.seeToWorkers();
          finish();
          return true;
        }
      }
      at++;
      return true;
    }

    private void finish() {
      works.remove().ready = true;
      at = 0;
      isOver = works.isEmpty();
    }
  }

  /** Changes the pool now and then: its size, who decides what is next, whether it is paused. */
  private static final class Changer extends Actor {
    private final Model model;
    private int left = 4;

    Changer(Model model) {
      this.model = model;
    }

    @Override
    boolean step() {
      if (model.isPaused) {
        model.isPaused = false;
        model.queue.resume();
      } else {
        switch (model.random.nextInt(4)) {
          case 0 -> model.queue.yieldForGood();
          case 1 -> {
            model.queue.pause();
            model.isPaused = true;
          }
          default -> {
            model.maxWorkers = 1 + model.random.nextInt(4);
            model.queue.setMaxWorkers(model.maxWorkers);
          }
        }
      }
      isOver = --left <= 0 && !model.isPaused;
      return true;
    }
  }

  /** A worker that runs a ticket, as HostQueue.work() has it. */
  private static final class Ticket extends Actor {
    private enum At {
      BEGIN,
      POLL,
      FOUND,
      RUN,
      WAIT,
      CROWDED
    }

    private final Model model;
    private At at = At.BEGIN;
    private boolean searches = true;
    private Work work;
    private Submitter submitter;
    private boolean isBlocked;

    Ticket(Model model) {
      this.model = model;
    }

    boolean seesToOthers() {
      return at == At.FOUND || (at == At.CROWDED && model.queue.isCrowded());
    }

    @Override
    boolean step() {
      HostQueue<Work> queue = model.queue;
      switch (at) {
        case BEGIN -> {
          queue.begin();
          at = At.POLL;
        }
        case POLL -> poll();
        case FOUND -> {
          queue.found();
          searches = false;
          at = At.RUN;
        }
        case RUN -> {
          work.started = true;
          if (submitter == null) {
            submitter = new Submitter(model, work.submits);
          }
          if (!submitter.isOver) {
            return submitter.step();
          }
          submitter = null;
          if (work.awaits != null && work.saysSo) {
            isBlocked = true;
            model.blockedTickets++;
            queue.block();
          }
          at = At.WAIT;
        }
        case WAIT -> {
          if (work.awaits != null && !work.awaits.done) {
            return false;
          }
          if (!work.meets.stream().allMatch(other -> other.started)) {
            return false;
          }
          if (isBlocked) {
            isBlocked = false;
            model.blockedTickets--;
            queue.unblock();
          }
          work.done = true;
          at = At.CROWDED;
        }
        default -> {
          at = At.POLL;
          if (queue.isCrowded() && queue.endIfCrowded()) {
            over();
          }
        }
      }
      return true;
    }

    private void poll() {
      work = model.queue.poll();
      if (work != null) {
        at = searches ? At.FOUND : At.RUN;
        work.pending = false;
        model.counts.leave();
      } else if (!searches) {
        model.queue.search();
        searches = true;
      } else if (model.queue.end() || model.forgetsToLookAgain) {
        over();
      }
    }

    private void over() {
      isOver = true;
      model.running--;
    }
  }

  private static Model modelOf(long seed, boolean forgetsToLookAgain) {
    Model model = new Model(seed, forgetsToLookAgain);
    Random random = model.random;
    if (random.nextInt(4) == 0) { // as many as there are workers, and all must run at once
      List<Work> together = new ArrayList<>();
      for (int i = 0; i < model.maxWorkers; i++) {
        together.add(model.work());
      }
      together.forEach(work -> work.meets = together);
      for (Work work : together) {
        model.actors.add(new Submitter(model, List.of(work)));
      }
      return model;
    }
    for (int i = 1 + random.nextInt(3); i > 0; i--) {
      List<Work> works = new ArrayList<>();
      for (int j = 1 + random.nextInt(3); j > 0; j--) {
        Work work = model.work();
        works.add(work);
        if (random.nextInt(3) == 0) {
          Work inner = model.work();
          work.submits.add(inner);
          work.awaits = random.nextBoolean() ? inner : null;
          work.saysSo = true;
        }
      }
      model.actors.add(new Submitter(model, works));
    }
    return model;
  }

  @Test
  void noScheduleLeavesATaskBehind() {
    for (long seed = 0; seed < SEEDS; seed++) {
      Model model = modelOf(seed, false);
      try {
        model.run();
        model.assertAllDone();
      } catch (Throwable e) {
        throw new AssertionError("with seed " + seed, e);
      }
    }
  }

  @Test
  void noChangeOfThePoolLeavesATaskBehind() {
    for (long seed = 0; seed < SEEDS / 3; seed++) {
      Model model = modelOf(seed, false);
      if (model.all.stream().allMatch(work -> work.meets.isEmpty())) {
        model.actors.add(new Changer(model));
      }
      try {
        model.run();
        model.assertAllDone();
      } catch (Throwable e) {
        throw new AssertionError("with seed " + seed, e);
      }
    }
  }

  /** So the schedules are able to find what they are for. */
  @Test
  void someScheduleFindsAWorkerThatDoesNotLookAgain() {
    Throwable found = null;
    for (long seed = 0; seed < SEEDS && found == null; seed++) {
      Model model = modelOf(seed, true);
      try {
        model.run();
        model.assertAllDone();
      } catch (AssertionError e) {
        found = e;
      }
    }
    assertNotNull(found);
  }

  // ------------------------------------------------------------------ Refusals

  @Test
  void aTaskThatReliedOnARefusedTicketIsStranded() {
    Work mine = new Work();
    Work other = new Work();
    TaskCounts counts = new TaskCounts();
    HostQueue<Work> queue = new HostQueue<>(counts);
    queue.open(
        1,
        () -> {
          // While this ticket is out nobody else needs one.
          counts.number();
          assertEquals(false, queue.push(other));
          throw new IllegalStateException("no thread");
        });
    counts.number();
    assertEquals(true, queue.push(mine));
    try {
      queue.seeToWorkers();
      throw new AssertionError("it was not refused");
    } catch (IllegalStateException e) {
      assertEquals(List.of(mine, other), queue.takeStranded());
    }
    assertNull(queue.poll());
  }

  @Test
  void oneTaskNeedsOneTicket() {
    int[] tickets = {0};
    TaskCounts counts = new TaskCounts();
    HostQueue<Work> queue = new HostQueue<>(counts);
    queue.open(2, () -> tickets[0]++);
    Work work = new Work();
    counts.number();
    assertEquals(true, queue.push(work));
    queue.seeToWorkers();
    queue.work(
        new HostQueue.Runner<>() {
          @Override
          public boolean claim(Work task) {
            task.pending = false;
            counts.leave();
            return true;
          }

          @Override
          public void run(Work task) {
            task.done = true;
          }
        });
    assertEquals(true, work.done);
    assertEquals(1, tickets[0]);
    assertArrayEquals(new int[] {0, 0, 0}, queue.countTickets());
  }

  @Test
  void closingGivesEachTaskATicket() {
    int[] tickets = {0};
    TaskCounts counts = new TaskCounts();
    HostQueue<Work> queue = new HostQueue<>(counts);
    queue.open(1, () -> tickets[0]++);
    for (int i = 0; i < 3; i++) {
      counts.number();
      if (queue.push(new Work())) {
        queue.seeToWorkers();
      }
    }
    assertEquals(1, tickets[0]);
    queue.close(true, () -> tickets[0] += 10);
    assertEquals(13, tickets[0]);
    counts.number();
    assertEquals(true, queue.push(new Work()));
    assertEquals(false, queue.seeToWorkers());
  }

  @Test
  void whatFollowsNativeTasksDoesNotOvertakeThem() {
    int[] tickets = {0};
    TaskCounts counts = new TaskCounts();
    HostQueue<Work> queue = new HostQueue<>(counts);
    queue.open(2, () -> tickets[0]++);
    for (int i = 0; i < 5; i++) {
      counts.number();
      if (queue.push(new Work())) {
        queue.seeToWorkers();
      }
    }
    counts.number();
    counts.enterNativeQueue();
    queue.goFirst(); // in front of it, a ticket of each
    assertEquals(5, tickets[0]);
    assertEquals(true, counts.mustFollowNative());
    counts.leaveNativeQueue();
    counts.leave();
    assertEquals(false, counts.mustFollowNative());
  }
}
