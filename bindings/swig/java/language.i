// Java's side of asyncpal.i. Generated classes are internal: users see the
// hand-written ones of io.asyncpal.

%include "bindings/swig/java/names.i"
%include "bindings/swig/java/strings.i"
%include "bindings/swig/java/exceptions.i"

%{
#include "asyncpal/bindings/swig/java/jni_support.h"
%}

#define HOST_IS_DIRECTOR

// A native thread is attached at its first upcall, as a daemon, and detached
// where it ends.
%begin %{
#define SWIG_JAVA_ATTACH_CURRENT_THREAD_AS_DAEMON
#define SWIG_JAVA_DETACH_ON_THREAD_END
%}

// Whoever has a native object deletes it, by delete() or a Cleaner.
%typemap(javafinalize) SWIGTYPE ""
