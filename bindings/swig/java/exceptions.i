// No C++ exception leaves a function that Java calls: it becomes a Failure,
// which in Java is an unchecked exception, with all its causes in it. The layer
// above turns it into what users expect.

%typemap(javabase) asyncpal::facade::Failure "RuntimeException"
%typemap(javaclassmodifiers) asyncpal::facade::Failure
    "@SuppressWarnings(\"serial\")\npublic class"
// Nobody sees its own stack, and it is also what a host fills in.
%typemap(javacode) asyncpal::facade::Failure %{
  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }
%}

%exception {
  try {
    $action
  } catch (...) {
    asyncpal::swig::ThrowFailure(jenv, std::current_exception());
    return $null;
  }
}
