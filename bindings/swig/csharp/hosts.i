// A host is a table of functions here, which no garbage collector moves or
// frees, as it would the delegates behind a director.

%apply void *VOID_INT_PTR { void *self, const void *callbacks, void *serve }
%rename("%s") asyncpal::swig;
%rename("%s") asyncpal::swig::NewThreadPool;
%newobject asyncpal::swig::NewThreadPool;
%rename("%s") asyncpal::swig::NewProcessPool;
%newobject asyncpal::swig::NewProcessPool;
%rename("%s") asyncpal::swig::ObserveBy;
%rename("%s") asyncpal::swig::MeasureBy;
%rename("%s") asyncpal::swig::LogBy;
%rename("%s") asyncpal::swig::RunTimer;
%rename("%s") asyncpal::swig::ServeAsWorker;

namespace asyncpal::swig {
facade::ThreadPool *NewThreadPool(void *self, const void *callbacks,
                                  const facade::NativePoolOptions &settings);
facade::ProcessPool *NewProcessPool(
    void *self, const void *callbacks,
    const facade::NativeProcessPoolOptions &settings);
void ObserveBy(facade::NativePoolOptions &settings, void *self,
               const void *callbacks);
void MeasureBy(facade::NativePoolOptions &settings, void *self,
               const void *callbacks);
void LogBy(facade::NativePoolOptions &settings, void *self,
           const void *callbacks);
void RunTimer(int64_t timer);
void ServeAsWorker(void *serve);
}  // namespace asyncpal::swig
