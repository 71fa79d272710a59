// What the host languages see of C++: this list, and nothing else. It is shared
// by all of them; what differs from one to another is in <language>/language.i:
// how types cross the border, and how names are spelled.

%module(directors="1") Native

%{
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/host.h"
#include "asyncpal/bindings/facade/library.h"
#include "asyncpal/bindings/facade/observer.h"
#include "asyncpal/bindings/facade/option_names.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/bindings/facade/process_pool.h"
#include "asyncpal/bindings/facade/thread_pool.h"
#include "asyncpal/bindings/facade/timing.h"
#include "asyncpal/bindings/facade/values.h"
#include "asyncpal/bindings/facade/hosted_worker.h"
%}

%include <stdint.i>

#if defined(SWIGJAVA)
%include "bindings/swig/java/language.i"
#elif defined(SWIGCSHARP)
%include "bindings/swig/csharp/language.i"
#else
#error There is no language.i for this language.
#endif

// Closed, until opened by one of these, of which the last comes from language.i:
//   OPEN_TYPE(Name)          the name alone
//   OPEN_CLASS(Name)         with its destructor
//   OPEN_STRUCT(Name)        with its default constructor, too
//   OPEN_NATIVE(Name)        a class whose name the public API has, too
//   OPEN_HOST(Name)          an interface that the host language implements
//   OPEN_POOL_OF_HOST(Name, Host, Settings)   the constructor that takes one
//   OPEN(Name::Member)
// Where language.i defines HOST_IS_DIRECTOR, hosts are subclasses. Elsewhere
// there is another way to them, in the language's hosts.i.
%define OPEN_TYPE(name...)
%rename("%s") asyncpal::facade::name;
%enddef
%define OPEN_CLASS(name)
OPEN_TYPE(name)
OPEN_TYPE(name::~name)
%enddef
%define OPEN_NATIVE(name)
%rename("Native%s") asyncpal::facade::name;
OPEN_TYPE(name::~name)
%enddef
%define OPEN_STRUCT(name)
OPEN_CLASS(name)
OPEN_TYPE(name::name())
%enddef
#ifdef HOST_IS_DIRECTOR
%define OPEN_HOST(name)
OPEN_STRUCT(name)
%feature("director") asyncpal::facade::name;
%enddef
%define OPEN_POOL_OF_HOST(name, host, settings)
%rename("Native%s") asyncpal::facade::name::name(host*, const settings&);
%enddef
#else
%define OPEN_HOST(name)
%enddef
%define OPEN_POOL_OF_HOST(name, host, settings)
%enddef
#endif
%ignore "";
%rename("%s") asyncpal;
%rename("%s") asyncpal::facade;
OPEN_ENUM_ITEMS()

OPEN_TYPE(FailureKind)
OPEN_CLASS(FailureLink)
OPEN(FailureLink::kind)
OPEN(FailureLink::type)
OPEN(FailureLink::message)
OPEN(FailureLink::traceback)
OPEN(FailureLink::state)
OPEN(FailureLink::pid)
OPEN(FailureLink::signal)
OPEN(FailureLink::exit_code)
OPEN(FailureLink::phase)
%immutable asyncpal::facade::FailureLink::kind;
%immutable asyncpal::facade::FailureLink::type;
%immutable asyncpal::facade::FailureLink::message;
%immutable asyncpal::facade::FailureLink::traceback;
%immutable asyncpal::facade::FailureLink::state;
%immutable asyncpal::facade::FailureLink::pid;
%immutable asyncpal::facade::FailureLink::signal;
%immutable asyncpal::facade::FailureLink::exit_code;
%immutable asyncpal::facade::FailureLink::phase;
OPEN_STRUCT(Failure)
OPEN(Failure::empty)
OPEN(Failure::size)
OPEN(Failure::link)
OPEN(Failure::Add)
%include "bindings/facade/failure.h"

OPEN_TYPE(TaskOutcome)
OPEN_HOST(Host)
OPEN(Host::BeginWorker)
OPEN(Host::EndWorker)
OPEN(Host::StartWorker)
OPEN(Host::Run)
OPEN(Host::Drop)
OPEN(Host::Expire)
OPEN(Host::Broken)
OPEN(Host::Joined)
OPEN(Host::Terminated)
%include "bindings/facade/host.h"

OPEN_TYPE(OptionNaming)
%include "bindings/facade/option_names.h"

OPEN_HOST(LogHost)
OPEN(LogHost::Write)
OPEN_TYPE(HostExitMode)
OPEN_TYPE(Library)
OPEN(Library::Init)
OPEN(Library::Shutdown)
OPEN(Library::SetShutdownDeadline)
OPEN(Library::SetShutdownMode)
OPEN(Library::StartTrace)
OPEN(Library::StopTrace)
OPEN(Library::Traceparent)
#ifdef HOST_IS_DIRECTOR
OPEN(Library::SetLogHost)
OPEN_CLASS(TraceScope)
OPEN_TYPE(TraceScope::TraceScope(const std::string&))
#endif
%nodefaultctor asyncpal::facade::Library;
%nodefaultdtor asyncpal::facade::Library;
%include "bindings/facade/library.h"

OPEN_STRUCT(NativePoolOptions)
OPEN(NativePoolOptions::max_workers)
OPEN(NativePoolOptions::name)
OPEN(NativePoolOptions::idle_timeout)
OPEN(NativePoolOptions::max_tasks_per_worker)
OPEN(NativePoolOptions::close_on_exit)
OPEN(NativePoolOptions::initializer_timeout)
OPEN(NativePoolOptions::max_pending)
OPEN(NativePoolOptions::when_full)
OPEN(NativePoolOptions::stack_size)
OPEN(NativePoolOptions::host_makes_threads)
OPEN(NativePoolOptions::stall_threshold)
OPEN(NativePoolOptions::histograms)
OPEN(NativePoolOptions::priority_step)
OPEN(NativePoolOptions::min_workers)
OPEN(NativePoolOptions::max_worker_age)
OPEN_STRUCT(NativeTaskOptions)
OPEN(NativeTaskOptions::name)
OPEN(NativeTaskOptions::timeout)
OPEN(NativeTaskOptions::queue_deadline)
OPEN(NativeTaskOptions::max_attempts)
OPEN(NativeTaskOptions::number)
OPEN(NativeTaskOptions::traceparent)
OPEN(NativeTaskOptions::priority)
OPEN(NativeTaskOptions::at_shutdown)
OPEN(NativeTaskOptions::attempt)
OPEN(NativeTaskOptions::delay)
OPEN(NativeTaskOptions::next_due)
OPEN_NATIVE(DurationHistogram)
OPEN(DurationHistogram::size)
OPEN(DurationHistogram::bound)
OPEN(DurationHistogram::count)
OPEN(DurationHistogram::sum)
%nodefaultctor asyncpal::facade::DurationHistogram;
OPEN_NATIVE(PoolStats)
OPEN(PoolStats::workers)
OPEN(PoolStats::busy)
OPEN(PoolStats::idle)
OPEN(PoolStats::submitted)
OPEN(PoolStats::pending)
OPEN(PoolStats::running)
OPEN(PoolStats::completed)
OPEN(PoolStats::failed)
OPEN(PoolStats::cancelled)
OPEN(PoolStats::lost)
OPEN(PoolStats::rejected)
OPEN(PoolStats::stalls)
OPEN(PoolStats::expired)
OPEN(PoolStats::timed_out)
OPEN(PoolStats::workers_started)
OPEN(PoolStats::workers_lost)
OPEN(PoolStats::oldest_pending)
OPEN(PoolStats::wait)
OPEN(PoolStats::run)
OPEN(PoolStats::delayed)
OPEN(PoolStats::retried)
%immutable asyncpal::facade::PoolStats::wait;
%immutable asyncpal::facade::PoolStats::run;
OPEN_NATIVE(WorkerInfo)
OPEN(WorkerInfo::id)
OPEN(WorkerInfo::name)
OPEN(WorkerInfo::pid)
OPEN(WorkerInfo::busy)
OPEN(WorkerInfo::tasks_done)
OPEN(WorkerInfo::current_task)
OPEN(WorkerInfo::running_for)
OPEN_CLASS(WorkerList)
OPEN(WorkerList::size)
OPEN(WorkerList::at)
%nodefaultctor asyncpal::facade::WorkerList;
OPEN_NATIVE(View)
%nodefaultctor asyncpal::facade::View;
OPEN_TYPE(CloseMode)
OPEN_NATIVE(Pool)
OPEN(Pool::Check)
OPEN(Pool::Test)
OPEN(Pool::SpawnWorkers)
OPEN(Pool::SpawnMaxWorkers)
OPEN(Pool::WaitForRoom)
OPEN(Pool::Reserve)
OPEN(Pool::FreeReserved)
OPEN(Pool::WaitForReservation)
OPEN(Pool::StartJoin)
OPEN(Pool::EndJoin)
OPEN(Pool::Close)
OPEN(Pool::Pause)
OPEN(Pool::Resume)
OPEN(Pool::is_paused)
OPEN(Pool::IsQuiet)
OPEN(Pool::set_max_workers)
OPEN(Pool::min_workers)
OPEN(Pool::set_min_workers)
OPEN(Pool::NewView)
%newobject asyncpal::facade::Pool::NewView;
OPEN(Pool::NewKeyedView)
%newobject asyncpal::facade::Pool::NewKeyedView;
OPEN(Pool::CountRetry)
OPEN(Pool::clock_now)
OPEN(Pool::Stats)
OPEN(Pool::Workers)
OPEN(Pool::name)
OPEN(Pool::max_workers)
OPEN(Pool::idle_timeout)
OPEN(Pool::set_idle_timeout)
OPEN(Pool::is_closed)
OPEN(Pool::is_terminated)
OPEN(Pool::is_broken)
%include "bindings/facade/pool.h"

OPEN_NATIVE(TaskReport)
OPEN(TaskReport::pool)
OPEN(TaskReport::name)
OPEN(TaskReport::id)
OPEN(TaskReport::state)
OPEN(TaskReport::lost)
OPEN(TaskReport::waited)
OPEN(TaskReport::ran)
OPEN(TaskReport::worker)
OPEN(TaskReport::pid)
OPEN(TaskReport::attempt)
OPEN_HOST(ObserverHost)
#ifdef HOST_IS_DIRECTOR
OPEN(ObserverHost::OnSubmit)
OPEN(ObserverHost::OnStart)
OPEN(ObserverHost::OnDone)
OPEN(ObserverHost::OnWorkerStarted)
OPEN(ObserverHost::OnWorkerEnded)
OPEN(ObserverHost::OnStall)
OPEN(SetObserver)
#endif
%include "bindings/facade/observer.h"

OPEN_NATIVE(ThreadPool)
OPEN_POOL_OF_HOST(ThreadPool, Host, NativePoolOptions)
OPEN(ThreadPool::Submit)
OPEN(ThreadPool::SubmitChunk)
OPEN(ThreadPool::SubmitToView)
OPEN(ThreadPool::Settle)
OPEN(ThreadPool::GoOn)
OPEN(ThreadPool::KeepPlace)
OPEN(ThreadPool::EndPlace)
OPEN(ThreadPool::MoveDelayed)
OPEN(ThreadPool::IsPending)
OPEN(ThreadPool::Cancel)
OPEN(ThreadPool::RunInline)
OPEN(ThreadPool::CheckWait)
OPEN(ThreadPool::Release)
OPEN(ThreadPool::RunWorker)
OPEN(ThreadPool::CurrentWorker)
OPEN(ThreadPool::LeaveForExit)
OPEN(ThreadPool::BeginBlocking)
OPEN(ThreadPool::EndBlocking)
%include "bindings/facade/thread_pool.h"

OPEN_HOST(ProcessHost)
OPEN(ProcessHost::Complete)
OPEN(ProcessHost::Fail)
OPEN(ProcessHost::Drop)
OPEN(ProcessHost::LoseCalls)
#ifdef HOST_IS_DIRECTOR
OPEN(ProcessHost::Answer)
OPEN(ProcessHost::OnLoss)
#endif
OPEN(ProcessHost::Joined)
OPEN(ProcessHost::Terminated)
OPEN_STRUCT(NativeProcessPoolOptions)
OPEN(NativeProcessPoolOptions::AddWorkerArgument)
OPEN(NativeProcessPoolOptions::HideFromWorkers)
OPEN(NativeProcessPoolOptions::answers_workers)
OPEN(NativeProcessPoolOptions::AddWorkerVariable)
OPEN(NativeProcessPoolOptions::initializer)
OPEN(NativeProcessPoolOptions::finalizer)
OPEN(NativeProcessPoolOptions::max_payload_bytes)
OPEN(NativeProcessPoolOptions::max_pending_bytes)
OPEN(NativeProcessPoolOptions::max_restarts)
OPEN(NativeProcessPoolOptions::restart_window)
OPEN(NativeProcessPoolOptions::handshake_timeout)
OPEN(NativeProcessPoolOptions::no_new_privileges)
OPEN(NativeProcessPoolOptions::max_worker_bytes)
OPEN_TYPE(ResultKind)
OPEN_CLASS(NativeTaskProgress)
OPEN(NativeTaskProgress::is_known)
OPEN(NativeTaskProgress::fraction)
OPEN(NativeTaskProgress::text)
%immutable asyncpal::facade::NativeTaskProgress::is_known;
%immutable asyncpal::facade::NativeTaskProgress::fraction;
%immutable asyncpal::facade::NativeTaskProgress::text;
OPEN_NATIVE(ProcessPool)
OPEN_POOL_OF_HOST(ProcessPool, ProcessHost, NativeProcessPoolOptions)
OPEN(ProcessPool::Submit)
OPEN(ProcessPool::SubmitChunk)
OPEN(ProcessPool::SubmitToView)
OPEN(ProcessPool::MoveDelayed)
OPEN(ProcessPool::IsPending)
OPEN(ProcessPool::Cancel)
OPEN(ProcessPool::Kill)
OPEN(ProcessPool::Release)
OPEN(ProcessPool::Receive)
OPEN(ProcessPool::Progress)
%include "bindings/facade/process_pool.h"

OPEN_STRUCT(NativePeriodicOptions)
OPEN(NativePeriodicOptions::period)
OPEN(NativePeriodicOptions::initial_delay)
OPEN(NativePeriodicOptions::cadence)
OPEN(NativePeriodicOptions::when_late)
OPEN(NativePeriodicOptions::max_runs)
OPEN(NativePeriodicOptions::jitter)
OPEN_CLASS(PeriodicSchedule)
OPEN_TYPE(PeriodicSchedule::PeriodicSchedule(const NativePeriodicOptions&, int64_t))
OPEN(PeriodicSchedule::due)
OPEN(PeriodicSchedule::OnEnd)
OPEN(PeriodicSchedule::Trigger)
OPEN(PeriodicSchedule::SetPeriod)
OPEN(PeriodicSchedule::runs)
OPEN(PeriodicSchedule::failed)
OPEN(PeriodicSchedule::skipped)
OPEN_STRUCT(NativeRetryPolicy)
OPEN(NativeRetryPolicy::max_attempts)
OPEN(NativeRetryPolicy::backoff)
OPEN(NativeRetryPolicy::multiplier)
OPEN(NativeRetryPolicy::max_backoff)
OPEN(NativeRetryPolicy::jitter)
OPEN(NativeRetryPolicy::total)
OPEN_CLASS(RetryWaits)
OPEN_TYPE(RetryWaits::RetryWaits(const NativeRetryPolicy&))
OPEN(RetryWaits::attempts)
OPEN(RetryWaits::Next)
%include "bindings/facade/timing.h"

OPEN_STRUCT(ValueWriter)
OPEN(ValueWriter::WriteBool)
OPEN(ValueWriter::WriteInt8)
OPEN(ValueWriter::WriteInt16)
OPEN(ValueWriter::WriteInt32)
OPEN(ValueWriter::WriteInt64)
OPEN(ValueWriter::WriteFloat)
OPEN(ValueWriter::WriteDouble)
OPEN(ValueWriter::WriteString)
OPEN(ValueWriter::WriteBytes)
OPEN(ValueWriter::WriteDuration)
OPEN(ValueWriter::WriteSize)
OPEN(ValueWriter::Finish)
OPEN_CLASS(ValueReader)
OPEN_TYPE(ValueReader::ValueReader(const Bytes&))
OPEN(ValueReader::ReadBool)
OPEN(ValueReader::ReadInt8)
OPEN(ValueReader::ReadInt16)
OPEN(ValueReader::ReadInt32)
OPEN(ValueReader::ReadInt64)
OPEN(ValueReader::ReadFloat)
OPEN(ValueReader::ReadDouble)
OPEN(ValueReader::ReadString)
OPEN(ValueReader::ReadBytes)
OPEN(ValueReader::ReadDuration)
OPEN(ValueReader::ReadSize)
OPEN(ValueReader::ExpectEnd)
%include "bindings/facade/values.h"

OPEN_HOST(WorkerHost)
OPEN(WorkerHost::Serve)
OPEN_TYPE(HostedWorker)
OPEN(HostedWorker::IsOne)
OPEN(HostedWorker::RunsTask)
OPEN(HostedWorker::TaskName)
OPEN(HostedWorker::TaskId)
OPEN(HostedWorker::TaskAttempt)
OPEN(HostedWorker::Traceparent)
OPEN(HostedWorker::ShareTask)
OPEN(HostedWorker::ReportProgress)
OPEN(HostedWorker::BeginCalls)
OPEN(HostedWorker::BeginCall)
OPEN(HostedWorker::EndCall)
OPEN(HostedWorker::HasUnsent)
#ifdef HOST_IS_DIRECTOR
OPEN(HostedWorker::Serve)
OPEN(HostedWorker::Ask)
#endif
%nodefaultctor asyncpal::facade::HostedWorker;
%nodefaultdtor asyncpal::facade::HostedWorker;
%include "bindings/facade/hosted_worker.h"

#ifdef SWIGCSHARP
%include "bindings/swig/csharp/hosts.i"
#endif
