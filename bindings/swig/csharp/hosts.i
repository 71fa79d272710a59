// A host is a table of functions here, which no garbage collector moves or
// frees, as it would the delegates behind a director.

%apply void *VOID_INT_PTR { void *self, const void *callbacks }
%rename("%s") asyncpal::swig;
%rename("%s") asyncpal::swig::NewThreadPool;
%newobject asyncpal::swig::NewThreadPool;

namespace asyncpal::swig {
facade::ThreadPool *NewThreadPool(void *self, const void *callbacks,
                                  const facade::PoolSettings &settings);
}  // namespace asyncpal::swig
