// No C++ exception leaves a function that C# calls: it becomes a Failure, and
// the function that NativeErrors registers makes a pending exception of it,
// which is thrown as soon as the call is back in C#.

%feature("except", canthrow=1) {
  try {
    $action
  } catch (...) {
    asyncpal::swig::SetPendingFailure(std::current_exception());
    return $null;
  }
}

%pragma(csharp) imclasscode=%{
  // Before anything native runs.
  private static readonly bool ready = NativeErrors.Register();
%}
