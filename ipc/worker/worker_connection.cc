#include "asyncpal/ipc/worker/worker_connection.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/ipc/errors/exception_codec.h"
#include "asyncpal/ipc/errors/exception_link.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "capnp/message.h"

namespace asyncpal::internal {
namespace {

// How long a worker that has closed its socket may take to end by itself.
constexpr absl::Duration kExitGracePeriod = absl::Milliseconds(500);

constexpr uint64_t kNever = ~uint64_t{0};

// About what it takes to sleep and to be woken, on a machine that is idle.
constexpr absl::Duration kSpinTime = absl::Microseconds(40);
constexpr int kPausesPerLook = 8;

// How long an answer may lie on the page without a message from the worker.
constexpr absl::Duration kMaxPollInterval = absl::Microseconds(200);

absl::Duration DefaultHandshakeTimeout(
    const std::vector<std::string>& command) {
  return command.empty() ? kOwnHandshakeTimeout : kOtherHandshakeTimeout;
}

WorkerConnection::Options WithDefaults(WorkerConnection::Options options) {
  if (options.handshake_timeout == absl::ZeroDuration()) {
    options.handshake_timeout = DefaultHandshakeTimeout(options.command);
  }
  return options;
}

std::string Hex(const std::string& bytes) {
  return bytes.empty() ? "none" : absl::BytesToHexString(bytes);
}

// To a worker that is gone, `send` sends in vain: receiving will tell.
template <typename F>
void UnlessClosed(F send) {
  try {
    send();
  } catch (const ChannelClosedError&) {
  }
}

}  // namespace

WorkerConnection::WorkerConnection(const Options& options)
    : WorkerConnection(options, LaunchWorker(options)) {}

WorkerConnection::WorkerConnection(const Options& options, WorkerParts parts)
    : options_(WithDefaults(options)),
      channel_(
          std::move(parts.socket),
          {.max_message_bytes = kMaxExceptionMessageBytes,
           .max_body_bytes = static_cast<uint64_t>(options.max_payload_bytes)}),
      page_(std::move(parts.page)),
      output_(std::move(parts.output)),
      child_(std::move(parts.child)) {
  channel_.WatchPeer(child_.pidfd());
  if (parts.requests) {
    requests_.emplace(std::move(parts.requests), options.answer);
  }
}

bool WorkerConnection::WaitForInput(absl::Duration timeout) {
  const Countdown countdown(timeout);
  while (true) {
    const absl::Duration left = countdown.Remaining();
    pollfd input[] = {{channel_.fd(), POLLIN, 0},
                      {child_.pidfd(), POLLIN, 0},
                      {output_ != nullptr ? output_->fd() : -1, POLLIN, 0}};
    const timespec limit = absl::ToTimespec(left);
    const int ready =
        ppoll(input, 3, left > absl::Hours(1) ? nullptr : &limit, nullptr);
    if (ready > 0) return true;
    if (ready == 0 && left == absl::ZeroDuration()) return false;
  }
}

template <typename F>
Channel::Received WorkerConnection::ReceiveOrKill(F receive) {
  try {
    return receive();
  } catch (const ProtocolError& error) {
    KillForViolation("broke the protocol", error);
  } catch (const std::exception& error) {  // no memory, no descriptor
    KillForViolation("sent what this process could not receive", error);
  }
  return Channel::Received::kClosed;
}

Channel::Received WorkerConnection::ReceiveFrame(bool wait) {
  if (std::exchange(has_frame_, false)) return Channel::Received::kFrame;
  return ReceiveOrKill([&] { return channel_.Receive(wait); });
}

void WorkerConnection::FailHandshake(const std::string& why) {
  throw Error(absl::StrCat("worker process ", child_.pid(), " of pool '",
                           options_.pool, "' ", why,
                           output_->DescribeLastLines()));
}

// kNothing: the time is over.
Channel::Received WorkerConnection::ReceiveWhileStarting(
    absl::Duration timeout) {
  const Countdown countdown(timeout);
  while (true) {
    const auto received = channel_.Receive(/*wait=*/false);
    if (received != Channel::Received::kNothing) return received;
    output_->PassOn();
    // Then it says no more, but may have said it since.
    if (child_.WaitForExit(absl::ZeroDuration())) {
      return channel_.Receive(/*wait=*/false) == Channel::Received::kFrame
                 ? Channel::Received::kFrame
                 : Channel::Received::kClosed;
    }
    if (!WaitForInput(countdown.Remaining())) {
      return Channel::Received::kNothing;
    }
  }
}

std::exception_ptr WorkerConnection::Handshake() {
  const auto received = ReceiveWhileStarting(options_.handshake_timeout);
  if (received == Channel::Received::kNothing) {
    Kill();
    child_.WaitForExit(kExitGracePeriod);
    output_->PassOn();
    FailHandshake(absl::StrCat(
        "sent no handshake within ",
        absl::FormatDuration(options_.handshake_timeout),
        "; is the worker_command a program that links this library?"));
  }
  if (received == Channel::Received::kClosed) {
    ReapAndDescribe("starting");
    FailHandshake(absl::StrCat("ended before its handshake: it ", loss_));
  }
  uint32_t version = 0;
  GuardWire([&] {
    if (!channel_.frame().message.isHandshake()) {
      throw ProtocolError("it sent no handshake");
    }
    const auto handshake = channel_.frame().message.getHandshake();
    version = handshake.getSchemaVersion();
    const auto id = handshake.getBuildId();
    build_id_.assign(reinterpret_cast<const char*>(id.begin()), id.size());
  });
  if (version != kSchemaVersion) {
    Kill();
    FailHandshake(absl::StrCat(
        "speaks version ", version, " of the protocol, this process version ",
        kSchemaVersion, "; build both from one release"));
  }
  same_program_ = build_id_ == ExecutableBuildId();
  if (!same_program_ && options_.command.empty()) {
    Kill();
    FailHandshake(absl::StrCat("is another program: its build-id is ",
                               Hex(build_id_), ", that of this program is ",
                               Hex(ExecutableBuildId())));
  }
  SendSetup();
  // What the initializer does to the channel is held against the worker only.
  const auto answered = ReceiveOrKill([&] {
    return ReceiveWhileStarting(options_.initializer != nullptr
                                    ? options_.initializer_timeout
                                    : absl::InfiniteDuration());
  });
  if (answered == Channel::Received::kNothing) {
    child_.Kill();
    ReapAndDescribe("starting");
    return std::make_exception_ptr(TimeoutError(
        absl::StrCat("the initializer in worker process ", child_.pid(),
                     " had not ended within ",
                     absl::FormatDuration(options_.initializer_timeout),
                     ", its initializer_timeout, and the process was killed",
                     output_->DescribeLastLines())));
  }
  if (answered != Channel::Received::kFrame) {
    ReapAndDescribe("starting");
    return std::make_exception_ptr(Error(
        absl::StrCat("worker process ", child_.pid(), " ", loss_,
                     options_.initializer != nullptr ? " in its initializer"
                                                     : " while it started",
                     output_->DescribeLastLines())));
  }
  return GuardWire([&]() -> std::exception_ptr {
    const auto answer = channel_.frame().message;
    if (answer.isReady()) {
      output_ = nullptr;
      return nullptr;
    }
    if (answer.isFailed()) return DecodeException(answer.getFailed());
    throw ProtocolError("a worker did not say whether it is ready");
  });
}

void WorkerConnection::SendSetup() {
  capnp::MallocMessageBuilder message;
  auto setup = message.initRoot<wire::Message>().initSetup();
  setup.setPool(options_.pool);
  setup.setWorker(options_.worker);
  setup.setMaxPayloadBytes(options_.max_payload_bytes);
  setup.setNoNewPrivileges(options_.no_new_privileges);
  setup.setClaimsBySocket(!page_.is_shared());
  std::string body;
  const auto add = [&](const EncodedCall* call, wire::Call::Builder out) {
    if (call == nullptr) return;
    DescribeCode(*call, out);
    DescribePayload(call->arguments, out.getArguments());
    const auto bytes = BodyOf(call->arguments);
    body.append(bytes.data(), bytes.size());
  };
  add(options_.initializer, setup.initInitializer());
  add(options_.finalizer, setup.initFinalizer());
  // What keeps it from being sent is a start that failed, not an initializer
  // that did: it gets out.
  UnlessClosed([&] { channel_.Send(message, body); });
}

WorkerConnection::Ticket WorkerConnection::IssueTicket(uint32_t busy) {
  const Ticket ticket = {std::countr_one(busy), ++attempts_};
  page_.Prefetch(ticket.slot, ticket.attempt);
  return ticket;
}

void WorkerConnection::Send(absl::Span<const Order> orders) {
  const auto unknown =
      std::find_if(orders.begin(), orders.end(), [&](const Order& order) {
        return !same_program_ && order.call->name.empty();
      });
  {
    MutexLock lock(send_mu_);
    SendOrKill([&] {
      std::for_each(orders.begin(), unknown,
                    [&](const Order& order) { AppendTask(order); });
      channel_.Flush();
    });
  }
  if (unknown == orders.end()) return;
  throw SerializationError(absl::StrCat(
      "a task can't be sent by its address to another program (build-id ",
      Hex(build_id_), ", this one has ", Hex(ExecutableBuildId()),
      "); call it by TaskName, as ASYNCPAL_REGISTER_TASK has named it"));
}

// Whatever keeps something from being sent, the worker at the other end will
// not get it, and would wait for it for ever.
template <typename F>
void WorkerConnection::SendOrKill(F send) {
  try {
    UnlessClosed(send);
  } catch (const std::exception& error) {
    KillForViolation("could not be sent to", error);
  }
}

void WorkerConnection::AppendTask(const Order& order) {
  const EncodedCall& call = *order.call;
  const TaskLabels& labels = order.labels;
  capnp::word scratch[64] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 64));
  auto task = message.initRoot<wire::Message>().initTask();
  task.setAttempt(order.ticket.attempt);
  task.setSlot(static_cast<uint8_t>(order.ticket.slot));
  task.setId(labels.id);
  task.setRun(labels.run);
  if (!labels.name.empty()) {
    task.setName({labels.name.data(), labels.name.size()});
  }
  if (!labels.traceparent.empty()) {
    task.setTraceparent({labels.traceparent.data(), labels.traceparent.size()});
  }
  auto out = task.initCall();
  DescribeCode(call, out);
  // Many arguments that wait are in memory; they become a descriptor now.
  Payload copy;
  if (call.arguments.bytes().size() > kMaxInlineBytes) {
    copy = Payload::CopyToMemfd(call.arguments.bytes());
  }
  const Payload& arguments = copy.is_memfd() ? copy : call.arguments;
  DescribePayload(arguments, out.getArguments());
  const absl::Span<const char> body = BodyOf(arguments);
  if (arguments.is_memfd() || body.size() > kMaxInlineBytes) {
    channel_.Send(message, body, arguments.memfd());
  } else {
    channel_.Append(message, body);
  }
}

WorkerConnection::Waited WorkerConnection::WaitForOutcome(
    const Ticket& ticket) {
  return WaitForOutcome(ticket, absl::InfiniteDuration(), 0);
}

WorkerConnection::Waited WorkerConnection::WaitForOutcome(
    const Ticket& ticket, absl::Duration timeout, uint64_t notify_from) {
  if (received_.has_value() || TakeAnswer(ticket)) return Waited::kOutcome;
  if (timeout == absl::ZeroDuration()) return Waited::kTimeout;
  NotifyFrom(notify_from);
  const bool is_limited = timeout != absl::InfiniteDuration();
  const Countdown countdown(timeout);
  Waited waited = Waited::kOutcome;
  while (!TakeAnswer(ticket)) {
    const auto received = ReceiveFrame(/*wait=*/!is_limited);
    if (received == Channel::Received::kFrame) {
      if (TakeResult(ticket)) break;
    } else if (received == Channel::Received::kClosed) {
      if (!TakeAnswer(ticket)) waited = Waited::kDead;
      break;
    } else {
      const absl::Duration left = countdown.Remaining();
      if (left == absl::ZeroDuration()) {
        waited = Waited::kTimeout;
        break;
      }
      WaitForInput(std::min(left, kMaxPollInterval));
    }
  }
  // Awake, and back before the next sleep: the worker need not notify until
  // then.
  if (is_limited) NotifyFrom(kNever);
  return waited;
}

WorkerConnection::Waited WorkerConnection::SpinForOutcome(
    const Ticket& ticket) {
  if (received_.has_value() || TakeAnswer(ticket)) return Waited::kOutcome;
  NotifyFrom(kNever);
  const Countdown countdown(kSpinTime);
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (TakeAnswer(ticket)) return Waited::kOutcome;
      __builtin_ia32_pause();
    }
    // It may have seen too late that nobody sleeps.
    switch (ReceiveFrame(/*wait=*/false)) {
      case Channel::Received::kFrame:
        if (TakeResult(ticket)) return Waited::kOutcome;
        break;
      case Channel::Received::kClosed:
        return TakeAnswer(ticket) ? Waited::kOutcome : Waited::kDead;
      case Channel::Received::kNothing:
        break;
    }
  } while (countdown.Remaining() > absl::ZeroDuration());
  return TakeAnswer(ticket) ? Waited::kOutcome : Waited::kTimeout;
}

std::optional<WorkerConnection::Outcome> WorkerConnection::Receive(
    const Ticket& ticket) {
  if (WaitForOutcome(ticket) == Waited::kDead) return std::nullopt;
  return std::exchange(received_, std::nullopt);
}

void WorkerConnection::NotifyFrom(uint64_t attempt) {
  if (std::exchange(notify_from_, attempt) != attempt)
    page_.NotifyFrom(attempt);
}

bool WorkerConnection::TakeAnswer(const Ticket& ticket) {
  auto answer = page_.TakeAnswer(ticket.slot, ticket.attempt);
  if (!answer.has_value()) return false;
  received_ = Outcome{.value = Payload::OfBytes(*std::move(answer))};
  return true;
}

// Whether the frame has the outcome of that ticket.
bool WorkerConnection::TakeResult(const Ticket& ticket) {
  try {
    return GuardWire([&] {
      const auto message = channel_.frame().message;
      if (message.isAnswered()) return false;  // it notifies: look at the page
      if (message.isStarted() && !page_.is_shared()) {
        const auto started = message.getStarted();
        page_.Start(started.getSlot() % ClaimPage::kSlots,
                    started.getAttempt());
        return false;
      }
      if (message.isPartial()) {
        const auto partial = message.getPartial();
        if (partial.getAttempt() > ticket.attempt) return TakeLater(ticket);
        if (partial.getAttempt() == ticket.attempt) ParsePartial(partial);
        return false;
      }
      if (!message.isResult()) {
        throw ProtocolError("a worker sent what is no result");
      }
      const auto result = message.getResult();
      // Nobody waits for an older one any more.
      if (result.getAttempt() < ticket.attempt) return false;
      if (result.getAttempt() > ticket.attempt) return TakeLater(ticket);
      if (!page_.is_shared()) page_.Finish(ticket.slot, ticket.attempt);
      ParseResult(result);
      return true;
    });
  } catch (const ProtocolError& error) {
    KillForViolation("broke the protocol", error);
    return false;
  }
}

// The frame, which stays, is of a later task: the outcome of this one is on the
// page, without a message.
bool WorkerConnection::TakeLater(const Ticket& ticket) {
  if (!TakeAnswer(ticket)) {
    throw ProtocolError(
        "a worker sent a result of a task that it does not have, or not yet");
  }
  has_frame_ = true;
  return true;
}

void WorkerConnection::ParsePartial(wire::Partial::Reader partial) {
  if (parts_attempt_ != partial.getAttempt()) {
    parts_attempt_ = partial.getAttempt();
    parts_.clear();
    parts_bytes_ = 0;
  }
  const auto max_bytes = static_cast<uint64_t>(options_.max_payload_bytes);
  Payload values = TakePayload(partial, channel_.frame(), max_bytes);
  if (values.size() > max_bytes - parts_bytes_) {
    throw ProtocolError("the parts of a result are too large together");
  }
  if (partial.getDone() <= (parts_.empty() ? 0 : parts_.back().done)) {
    throw ProtocolError("a part of a result says nothing new");
  }
  parts_bytes_ += values.size();
  parts_.push_back({.done = partial.getDone(),
                    .count = partial.getCount(),
                    .values = std::move(values)});
}

std::vector<PartialResult> WorkerConnection::TakeParts(const Ticket& ticket) {
  if (parts_attempt_ != ticket.attempt) return {};
  return std::exchange(parts_, {});
}

void WorkerConnection::ParseResult(wire::Result::Reader result) {
  Outcome outcome;
  outcome.parts = TakeParts({.attempt = result.getAttempt()});
  outcome.exiting = result.getExiting();
  outcome.kept_file = result.getKeptFile() - 1;
  if (outcome.kept_file >= ClaimPage::kResultFiles) {
    throw ProtocolError("a worker names a file that no worker has");
  }
  if (result.isFailure()) {
    outcome.failure = DecodeException(result.getFailure());
  } else {
    outcome.value =
        TakePayload(result, channel_.frame(),
                    static_cast<uint64_t>(options_.max_payload_bytes));
  }
  received_ = std::move(outcome);
}

std::exception_ptr WorkerConnection::Stop() {
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().setStop();
  {
    MutexLock lock(send_mu_);
    SendOrKill([&] { channel_.Send(message); });
  }
  std::exception_ptr failure;
  auto received = ReceiveFrame(/*wait=*/true);
  while (received == Channel::Received::kFrame &&
         channel_.frame().message.isAnswered()) {
    received = ReceiveFrame(/*wait=*/true);
  }
  if (received == Channel::Received::kFrame) {
    failure = GuardWire([&]() -> std::exception_ptr {
      const auto answer = channel_.frame().message;
      if (!answer.isStopped()) {
        throw ProtocolError("a worker did not stop when it was told to");
      }
      if (!answer.getStopped().hasFailure()) return nullptr;
      return DecodeException(answer.getStopped().getFailure());
    });
    child_.WaitForExit(kExitGracePeriod);
  } else if (!was_killed() && options_.finalizer != nullptr) {
    ReapAndDescribe("stopping");
    failure = std::make_exception_ptr(Error(absl::StrCat(
        "worker process ", child_.pid(), " ", loss_, " in its finalizer")));
  }
  return failure;
}

WorkerLostError::Cause WorkerConnection::ReapAndDescribe(std::string phase) {
  WorkerLostError::Cause cause;
  cause.pid = child_.pid();
  cause.phase = std::move(phase);
  if (child_.WaitForExit(kExitGracePeriod)) {
    const ChildProcess::Exit exit = child_.exit();
    cause.signal = exit.signal;
    cause.exit_code = exit.exit_code;
    loss_ = ChildProcess::DescribeExit(exit);
    if (page_.noted_stack_overflow())
      absl::StrAppend(&loss_, ", a stack overflow");
    if (exit.signal.has_value() && crash_trace_.empty()) {
      crash_trace_ = page_.crash_stack().Describe(*exit.signal, same_program_);
    }
    if (exit.signal == SIGKILL && !was_killed()) {
      absl::StrAppend(&loss_,
                      "; if nobody sent that, the system was out of memory");
    }
  } else {
    child_.Kill();
    child_.WaitForExit(kExitGracePeriod);
    loss_ = "closed its socket to the pool, and was killed for that";
  }
  if (output_ != nullptr) output_->PassOn();
  MutexLock lock(offence_mu_);
  if (!offence_.empty()) {
    loss_ = absl::StrCat(offence_, ", and was killed for that");
  }
  return cause;
}

std::string WorkerConnection::CaptureStack(absl::Duration limit) {
  if (!page_.is_shared() || !page_.notes_stacks()) return "";
  const Countdown countdown(limit);
  MutexLock lock(stack_mu_);
  CrashStack& stack = page_.crash_stack();
  if (!stack.Forget(kStackSignal) || !child_.Signal(kStackSignal)) return "";
  // Nothing wakes this thread when the stack is there.
  absl::Duration interval = absl::Microseconds(50);
  while (!stack.IsNoted(kStackSignal)) {
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return "";
    absl::SleepFor(std::min(left, interval));
    interval = std::min(2 * interval, absl::Milliseconds(5));
  }
  return stack.Describe(kStackSignal, same_program_);
}

void WorkerConnection::Cancel(const Ticket& ticket) {
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().setCancel(ticket.attempt);
  if (!send_mu_.TryLock()) return;
  pollfd output = {channel_.fd(), POLLOUT, 0};
  try {
    if (poll(&output, 1, 0) > 0 && (output.revents & POLLOUT) != 0) {
      channel_.Send(message);
    }
  } catch (const std::exception&) {
    // It is dead, or soon will be: nothing to stop.
  }
  send_mu_.Unlock();
}

void WorkerConnection::KillForViolation(const char* offence,
                                        const std::exception& error) {
  {
    MutexLock lock(offence_mu_);
    if (offence_.empty()) {
      offence_ = absl::StrCat(offence, " (", error.what(), ")");
    }
  }
  child_.Kill();
}

void WorkerConnection::Kill() {
  killed_.store(true);
  child_.Kill();
}

}  // namespace asyncpal::internal
