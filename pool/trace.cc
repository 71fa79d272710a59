#include "asyncpal/pool/trace.h"

#include "asyncpal/pool/internal/tracer.h"

namespace asyncpal {

void Trace::Start(const std::string& path) { internal::Tracer::Start(path); }

void Trace::Stop() { internal::Tracer::Stop(); }

}  // namespace asyncpal
