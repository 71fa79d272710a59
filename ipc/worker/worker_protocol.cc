#include "asyncpal/ipc/worker/worker_protocol.h"

#include <string>

namespace asyncpal::internal {

void DescribeCode(const EncodedCall& call, wire::Call::Builder out) {
  auto code = out.getCode();
  if (!call.name.empty()) {
    code.setName(call.name);
  } else {
    auto registration = code.initRegistration();
    registration.setModule(call.code.module);
    registration.setOffset(call.code.offset);
  }
}

EncodedCall ReadCode(wire::Call::Reader in) {
  EncodedCall call;
  switch (in.getCode().which()) {
    case wire::Call::Code::REGISTRATION: {
      const auto registration = in.getCode().getRegistration();
      call.code = {registration.getModule(), registration.getOffset()};
      return call;
    }
    case wire::Call::Code::NAME: {
      const auto name = in.getCode().getName();
      call.name = std::string(name.begin(), name.end());
      if (!call.name.empty()) return call;
      break;
    }
    case wire::Call::Code::NONE:
      break;
  }
  throw ProtocolError("a task does not say what to call");
}

}  // namespace asyncpal::internal
