// C#'s side of asyncpal.i. Generated classes are internal: users see the
// hand-written ones of the namespace Asyncpal.

%include "bindings/swig/csharp/names.i"
%include "bindings/swig/csharp/bytes.i"
%include "bindings/swig/csharp/exceptions.i"
%include "bindings/swig/csharp/handles.i"

%{
#include "asyncpal/bindings/swig/csharp/clr_support.h"
%}
