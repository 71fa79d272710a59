@0xc6f1d0b27a3e5984;
# What the owner of tasks, the client, and an agent, which runs them on another
# machine, say to each other by way of a broker; docs/design/distributed_pool.md
# says what each of it means.
#
# A broker's message is eight bytes, the length of this message as a little-endian
# number, then the message as a flat array, then a body of raw bytes: the
# arguments of a task, or its result.
#
# Ordinals are frozen once released; add, never renumber, and raise agentSchema
# (in agent_protocol.h) for what an older side can't skip.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("asyncpal::wire");

struct AgentMessage {
  sender @0 :Text;
  # Where the sender takes answers.
  schema @1 :UInt32;
  union {
    task @2 :AgentTask;        # client to a queue
    claim @3 :AgentClaim;      # agent to client
    answer @4 :AgentAnswer;    # client to agent
    ping @5 :UInt64;           # client to agent: its number
    holdings @6 :AgentHoldings;  # agent to client
    result @7 :AgentResult;    # agent to client
    stop @8 :AgentAttempt;     # client to agent: asks a running task to stop
  }
}

struct AgentAttempt {
  task @0 :UInt64;
  # A number of the client's.
  attempt @1 :Int32;
  # 1, or one more for each that went with its agent or its worker.
}

struct AgentTask {
  id @0 :AgentAttempt;
  code :union {
    registration :group {
      module @1 :UInt64;
      # The first eight bytes of the build-id of the executable or library.
      offset @2 :UInt64;
      # From where that is loaded.
    }
    name @3 :Text;
    # For another program or language.
  }
  timeoutNanos @4 :Int64 = -1;
  # Negative: none.
  name @5 :Text;
  traceparent @6 :Text;
  # As W3C defines it; empty: the task belongs to no trace.
}

struct AgentClaim {
  id @0 :AgentAttempt;
  delivery @1 :UInt64;
  question @2 :UInt64;
  redelivered @3 :Bool;
}

struct AgentAnswer {
  id @0 :AgentAttempt;
  question @1 :UInt64;
  begin @2 :Bool;
}

struct AgentHoldings {
  ping @0 :UInt64;
  held @1 :List(AgentAttempt);
}

struct AgentResult {
  id @0 :AgentAttempt;
  union {
    value @1 :Void;
    # The body.
    failure @2 :Void;
    # The body is a message of worker.capnp, a Failure, as the worker sent it: only
    # the client knows the types.
    lost @3 :Text;
    # How the agent's worker has ended.
    timedOut @4 :Void;
    cancelled @5 :Void;
    # The task had been asked to stop, or never began.
  }
}
