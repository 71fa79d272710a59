// What the host languages see of C++: this list, and nothing else. It is shared
// by all of them; what differs from one to another is in <language>/language.i:
// how types cross the border, and how names are spelled.

%module(directors="1") Native

%{
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/host.h"
#include "asyncpal/bindings/facade/library.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/bindings/facade/thread_pool.h"
%}

%include <stdint.i>

#if defined(SWIGJAVA)
%include "bindings/swig/java/language.i"
#elif defined(SWIGCSHARP)
%include "bindings/swig/csharp/language.i"
#else
#error There is no language.i for this language.
#endif

// Where language.i defines HOST_IS_DIRECTOR, the host implements facade::Host as
// a subclass. Elsewhere it has another way, which hosts.i opens.

// Closed, until opened by one of these, of which the last comes from language.i:
//   OPEN_TYPE(Name)          the name alone
//   OPEN_CLASS(Name)         with its destructor
//   OPEN_STRUCT(Name)        with its default constructor, too
//   OPEN(Name::Member)
%define OPEN_TYPE(name...)
%rename("%s") asyncpal::facade::name;
%enddef
%define OPEN_CLASS(name)
OPEN_TYPE(name)
OPEN_TYPE(name::~name)
%enddef
%define OPEN_STRUCT(name)
OPEN_CLASS(name)
OPEN_TYPE(name::name())
%enddef
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
#ifdef HOST_IS_DIRECTOR
OPEN_STRUCT(Host)
%feature("director") asyncpal::facade::Host;
OPEN(Host::BeginWorker)
OPEN(Host::EndWorker)
OPEN(Host::Run)
OPEN(Host::Drop)
OPEN(Host::Terminated)
#endif
%include "bindings/facade/host.h"

OPEN_TYPE(Library)
OPEN(Library::Init)
OPEN(Library::Shutdown)
OPEN(Library::SetShutdownDeadline)
%nodefaultctor asyncpal::facade::Library;
%nodefaultdtor asyncpal::facade::Library;
%include "bindings/facade/library.h"

OPEN_STRUCT(PoolSettings)
OPEN(PoolSettings::max_workers)
OPEN(PoolSettings::name)
OPEN(PoolSettings::idle_timeout)
OPEN(PoolSettings::max_tasks_per_worker)
OPEN_CLASS(PoolStats)
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
OPEN_CLASS(WorkerInfo)
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
OPEN_TYPE(CloseMode)
OPEN_CLASS(Pool)
OPEN(Pool::Check)
OPEN(Pool::Test)
OPEN(Pool::SpawnWorkers)
OPEN(Pool::SpawnMaxWorkers)
OPEN(Pool::Close)
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

OPEN_CLASS(ThreadPool)
#ifdef HOST_IS_DIRECTOR
OPEN_TYPE(ThreadPool::ThreadPool(Host*, const PoolSettings&))
#endif
OPEN(ThreadPool::Submit)
OPEN(ThreadPool::Settle)
OPEN(ThreadPool::Cancel)
OPEN(ThreadPool::RunInline)
OPEN(ThreadPool::Release)
OPEN(ThreadPool::BeginBlocking)
OPEN(ThreadPool::EndBlocking)
%include "bindings/facade/thread_pool.h"

#ifdef SWIGCSHARP
%include "bindings/swig/csharp/hosts.i"
#endif
