// SubmitTask and max_workers become SubmitTask and MaxWorkers.

%define OPEN(name...)
%rename("%(camelcase)s") asyncpal::facade::name;
%enddef

// kTaskFailed becomes TaskOutcome.TaskFailed.
%define OPEN_ENUM_ITEMS()
%rename("%(strip:[k])s", %$isenumitem) "";
%enddef

// Only the layer above sees them.
%typemap(csclassmodifiers) SWIGTYPE "internal class"
%typemap(csclassmodifiers) enum SWIGTYPE "internal enum"
%pragma(csharp) moduleclassmodifiers="internal static class"
%pragma(csharp) imclassclassmodifiers="internal class"
