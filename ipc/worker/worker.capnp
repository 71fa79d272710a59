@0xd8a3d0c19f6be1a4;
# What a pool and one of its worker processes say to each other.
#
# Roles. The *parent* owns dispatch: it starts the worker, hands it tasks (a few
# ahead, so that the worker never waits for a round trip), and decides about the
# worker's life. The *worker* runs what it is
# handed, in order, and reports each outcome. Nothing else has the socket
# between them, and a worker knows of no other worker.
#
#   worker                       parent
#   handshake  ------------->              which program, which schema
#              <-------------    setup     initializer, finalizer, limits
#   ready      ------------->              or failed: the initializer threw
#              <-------------    task
#              <-------------    task      ahead
#   result     ------------->              value or failure, for each task whose
#                                          value is not on the claim page;
#   answered   ------------->              look there
#   partial    ------------->              results of a task of several calls,
#                                          while it runs
#              <-------------    cancel    asks a running task to stop
#              <-------------    stop
#   stopped    ------------->              after the finalizer; end of file
#
# A worker says "started" only where the system refuses the memory that the two
# share otherwise (claim_page.h): there, who may begin or revoke a task is decided
# by one compare-and-swap, which costs no system call and is still right when the
# worker dies at once. Without it, tasks are not handed out ahead, and none that
# was is revoked.
#
# On the socket, a message is one frame: a header with two lengths, the message
# as a flat array, then a body of raw bytes (channel.h). Arguments and results
# are such bodies, or a memfd beside the frame when they are large. Who reads it
# does not rely on its being sealed: it copies what it reads, and checks that.
#
# Ordinals are frozen once released; add, never renumber, and raise
# schemaVersion (in worker_protocol.h) for what an older side can't skip.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("asyncpal::wire");

struct Message {
  union {
    handshake @0 :Handshake;
    setup @1 :Setup;
    ready @2 :Void;
    failed @3 :Failure;
    # Instead of ready: what the initializer threw, or why it can't be called.
    # The worker ends.
    task @4 :Task;
    result @5 :Result;
    cancel @6 :UInt64;
    # The task's attempt. One that is not running any more is no error.
    stop @7 :Void;
    stopped @8 :Stopped;
    answered @9 :UInt64;
    # The task's attempt; the parent may know by now.
    started @10 :Started;
    # Only where claimsBySocket: the worker begins that task.
    request @11 :UInt64;
    # On the socket for requests: a number for the reply; the body is the host's.
    reply @12 :UInt64;
    partial @13 :Partial;
  }
}

struct Handshake {
  schemaVersion @0 :UInt32;
  buildId @1 :Data;
  # Of the program's own executable.
  pid @2 :Int32;
}

struct Setup {
  pool @0 :Text;
  worker @1 :Text;
  initializer @2 :Call;
  finalizer @3 :Call;
  maxPayloadBytes @4 :Int64;
  noNewPrivileges @5 :Bool;
  # For this process and all that it starts.
  claimsBySocket @6 :Bool;
  # There is no claim page.
}

struct Call {
  # What to run. Arguments are encoded in order, by Codec<T>.
  code :union {
    none @0 :Void;
    registration @1 :CodeAddress;
    # Of the entry that the call's type has registered before main().
    name @2 :Text;
    # Given to ASYNCPAL_REGISTER_TASK, for another program or language.
  }
  arguments :union {
    inFrame @3 :UInt64;
    # So many bytes of the frame's body, in the order of the calls.
    memfd @4 :UInt64;
    # All of the one descriptor that comes with the frame: so many bytes.
  }
}

struct CodeAddress {
  module @0 :UInt64;
  # The first eight bytes of the build-id of the executable or library.
  offset @1 :UInt64;
  # From where that is loaded.
}

struct Task {
  attempt @0 :UInt64;
  # A number of the parent's, new each time that a task is handed out.
  slot @1 :UInt8;
  # Of the claim page.
  call @2 :Call;
  # What the worker needs only if the task asks for it.
  id @3 :UInt64;
  # In its pool.
  run @4 :UInt32;
  # 1, or one more for each worker that has died of the task before.
  name @5 :Text;
  traceparent @6 :Text;
  # As W3C defines it; empty: the task belongs to no trace.
}

struct Started {
  attempt @0 :UInt64;
  slot @1 :UInt8;
}

struct Result {
  attempt @0 :UInt64;
  union {
    inFrame @1 :UInt64;
    memfd @2 :UInt64;
    # As for arguments.
    failure @3 :Failure;
  }
  exiting @4 :Bool;
  # The worker ends with this result and takes no more tasks.
  keptFile @5 :UInt8;
  # Not 0: the memfd is that one of the files which the worker writes to again,
  # unsealed, once the claim page says that the parent has read this result.
}

struct Partial {
  # Of a task that is several calls: results since the last such message. Those
  # of all its messages and of its result are one after the other.
  attempt @0 :UInt64;
  done @1 :UInt64;
  # Calls of the task that have ended by now.
  count @2 :UInt64;
  # Results here.
  union {
    inFrame @3 :UInt64;
    memfd @4 :UInt64;
  }
}

struct Failure {
  # An exception and its causes, outermost first. An empty list: the exception
  # could not even be described.
  chain @0 :List(Link);

  struct Link {
    type @0 :Text;
    # For people: "std::out_of_range".
    typeId @1 :Text;
    # The compiler's name of the type, by which the other side rebuilds it.
    message @2 :Text;
    traceback @3 :Text;
    state @4 :Data;
    # What a rebuilt object needs beyond its message; depends on typeId.
  }
}

struct Stopped {
  failure @0 :Failure;
  # What the finalizer threw; null if nothing.
}
