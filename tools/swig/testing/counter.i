%module CounterModule
%{
#include "asyncpal/tools/swig/testing/counter.h"
%}
%typemap(javafinalize) SWIGTYPE ""
%include "tools/swig/testing/counter.h"
